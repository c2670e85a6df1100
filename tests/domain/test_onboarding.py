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


def test_no_role_holds_for_a_whole_cluster_or_may_do_anything() -> None:
    assert not [thing for thing in team_objects(TEAM) if str(thing["kind"]).startswith("ClusterRole")]
    for role in made("Role"):
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]


def test_the_reader_changes_nothing() -> None:
    (reader,) = [role for role in made("Role") if role["metadata"]["name"] == "dropforge-reader"]
    assert {verb for rule in reader["rules"] for verb in rule["verbs"]} == {"get", "list"}
