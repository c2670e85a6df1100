"""What a team gets on a cluster: the objects as they are sent, and that our roles reach no further than their work."""

from typing import Any

from dropforge import naming
from dropforge.domain.onboarding import FileSystem, Quota, Team, team_objects

from tests.golden_files import check_golden

NODES = {"cpu": "208", "memory": "2000Gi", "nvidia.com/gpu": "8"}
TEAM = Team(
    name="vision",
    quotas=(
        Quota(instance_type="ml.p5.48xlarge", resources=NODES),
        Quota(instance_type="ml.g5.8xlarge", resources=NODES),
    ),
    claim="fsx",
    file_system=FileSystem(id="fs-1", dns_name="fs-1.fsx.example", mount_name="abcdef", gibibytes=4800),
)


def made(kind: str) -> list[Any]:
    return [thing for thing in team_objects(TEAM) if thing["kind"] == kind]


def test_a_team_gets_the_objects_in_the_golden_file() -> None:
    check_golden("team.json", team_objects(TEAM))


def test_nothing_is_made_in_another_namespace() -> None:
    places = {thing["metadata"].get("namespace") for thing in team_objects(TEAM)}  # type: ignore[attr-defined]
    assert places == {None, naming.namespace("vision")}


def test_no_role_may_do_anything_or_write_outside_of_the_teams_namespace() -> None:
    roles = made("Role") + made("ClusterRole")
    for rule in [rule for role in roles for rule in role["rules"]]:
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
    assert {verb for role in made("ClusterRole") for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list"}


def test_what_the_reader_sees_of_the_whole_cluster_is_how_quota_is_shared_and_nobodys_work() -> None:
    (role,), (binding,) = made("ClusterRole"), made("ClusterRoleBinding")
    assert [rule["resources"] for rule in role["rules"]] == [["clusterqueues", "cohorts", "resourceflavors"]]
    assert [subject["name"] for subject in binding["subjects"]] == ["dropforge-readers"]


def test_the_reader_changes_nothing() -> None:
    (reader,) = [role for role in made("Role") if role["metadata"]["name"] == "dropforge-reader"]
    assert {verb for rule in reader["rules"] for verb in rule["verbs"]} == {"get", "list"}
