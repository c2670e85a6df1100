"""Access entries as EKS keeps them: who may have one, what can be changed, and that they end with their cluster."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.aws import LocalAws

ROLE = "arn:aws:iam::123456789012:role/teams/reader"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
WHO = {"clusterName": "research", "principalArn": ROLE}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with LocalAws(tmp_path_factory.mktemp("aws"), speed=600) as cloud:
        yield cloud


@pytest.fixture
def eks(aws: LocalAws) -> Iterator[Any]:
    aws.register_cluster("research", "https://127.0.0.1:6443", "PEM")
    client = aws.client("eks")
    yield client
    if "research" in client.list_clusters()["clusters"]:
        client.delete_cluster(name="research")


def code_of(act: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as raised:
        act(**parameters)
    return str(raised.value.response["Error"]["Code"])


def test_an_entry_names_the_session_unless_told_otherwise(eks: Any) -> None:
    made = eks.create_access_entry(**WHO, kubernetesGroups=["readers"])["accessEntry"]
    assert made["username"] == "arn:aws:sts::123456789012:assumed-role/reader/{{SessionName}}"
    assert eks.describe_access_entry(**WHO)["accessEntry"]["kubernetesGroups"] == ["readers"]
    assert eks.list_access_entries(clusterName="research")["accessEntries"] == [ROLE]


def test_an_entry_is_made_once_and_by_the_same_request_again(eks: Any) -> None:
    eks.create_access_entry(**WHO, clientRequestToken="a")
    assert eks.create_access_entry(**WHO, clientRequestToken="a")["accessEntry"]["principalArn"] == ROLE
    assert code_of(eks.create_access_entry, **WHO, clientRequestToken="b") == "ResourceInUseException"


def test_what_an_update_does_not_name_stays(eks: Any) -> None:
    eks.create_access_entry(**WHO, kubernetesGroups=["readers"], username="u:{{SessionName}}")
    eks.update_access_entry(**WHO, kubernetesGroups=["writers"])
    found = eks.describe_access_entry(**WHO)["accessEntry"]
    assert (found["kubernetesGroups"], found["username"]) == (["writers"], "u:{{SessionName}}")


def test_a_session_is_found_by_its_role_whatever_the_roles_path(aws: LocalAws, eks: Any) -> None:
    eks.create_access_entry(**WHO)
    assert aws.access_entry("research", "arn:aws:iam::123456789012:role/reader") is not None
    assert aws.access_entry("research", "arn:aws:iam::123456789012:role/writer") is None


def test_entries_end_with_their_cluster(aws: LocalAws, eks: Any) -> None:
    eks.create_access_entry(**WHO)
    eks.delete_cluster(name="research")
    assert aws.access_entry("research", "arn:aws:iam::123456789012:role/reader") is None
    aws.register_cluster("research", "https://127.0.0.1:6443", "PEM")
    assert code_of(eks.describe_access_entry, **WHO) == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kubernetesGroups": ["system:masters"]},
        {"username": "system:node"},
        {"type": "EC2_LINUX"},
        {"principalArn": "arn:aws:sts::123456789012:assumed-role/reader/me"},
    ],
)
def test_what_an_entry_may_not_be_is_refused(eks: Any, wrong: dict[str, Any]) -> None:
    assert code_of(eks.create_access_entry, **{**WHO, **wrong}) == "InvalidParameterException"


def test_an_access_policy_is_associated_listed_and_taken_away(eks: Any) -> None:
    eks.create_access_entry(**WHO)
    scope = {"type": "namespace", "namespaces": ["team-a"]}
    eks.associate_access_policy(**WHO, policyArn=VIEW, accessScope=scope)
    (found,) = eks.list_associated_access_policies(**WHO)["associatedAccessPolicies"]
    assert (found["policyArn"], found["accessScope"]) == (VIEW, scope)
    assert eks.list_access_entries(clusterName="research", associatedPolicyArn=VIEW)["accessEntries"] == [ROLE]
    eks.disassociate_access_policy(**WHO, policyArn=VIEW)
    assert eks.list_associated_access_policies(**WHO)["associatedAccessPolicies"] == []
    assert eks.list_access_entries(clusterName="research", associatedPolicyArn=VIEW)["accessEntries"] == []
    assert code_of(eks.disassociate_access_policy, **WHO, policyArn=VIEW) == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("policy", "scope"),
    [
        (VIEW.replace("View", "AutoNode"), {"type": "cluster"}),
        (VIEW, {"type": "namespace"}),
        (VIEW, {"type": "cluster", "namespaces": ["team-a"]}),
    ],
)
def test_a_policy_or_scope_that_does_not_exist_is_refused(eks: Any, policy: str, scope: dict[str, Any]) -> None:
    eks.create_access_entry(**WHO)
    assert (
        code_of(eks.associate_access_policy, **WHO, policyArn=policy, accessScope=scope) == "InvalidParameterException"
    )


def test_entries_come_in_pages(eks: Any) -> None:
    for name in ("a", "b", "c"):
        eks.create_access_entry(clusterName="research", principalArn=f"arn:aws:iam::123456789012:role/{name}")
    first = eks.list_access_entries(clusterName="research", maxResults=2)
    rest = eks.list_access_entries(clusterName="research", maxResults=2, nextToken=first["nextToken"])
    assert (len(first["accessEntries"]), len(rest["accessEntries"])) == (2, 1)
