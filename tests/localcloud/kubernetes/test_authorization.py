"""RBAC as an API server enforces it: what no role allows is forbidden in its words, and everybody may ask what they may."""

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from localcloud.kubernetes import LocalCluster
from localcloud.kubernetes.authentication import Grant, User
from localcloud.kubernetes.first_roles import FIRST_ROLES

KNOWN = {
    "k8s-aws-v1.ada": User("ada", ("makers",)),
    "k8s-aws-v1.bob": User("bob"),
    "k8s-aws-v1.cyd": User("cyd", grants=(Grant(FIRST_ROLES["view"], ("o*",)),)),
}
JOBS = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list"]}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    folder = tmp_path_factory.mktemp("guarded")
    with LocalCluster("guarded", folder, images={}, tokens=KNOWN.get, speed=100) as running:
        rbac = client.RbacAuthorizationV1Api(running.client())
        for name in ("one", "two"):
            client.CoreV1Api(running.client()).create_namespace({"metadata": {"name": name}})
        rules = [JOBS, {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}]
        named = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"], "verbs": ["get", "list"]}
        itself = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
        rbac.create_namespaced_role("one", {"metadata": {"name": "makers"}, "rules": [*rules, named, itself]})
        bind(rbac, "one", {"kind": "Group", "name": "makers"}, "Role", "makers")
        bind(rbac, "two", {"kind": "User", "name": "bob"}, "ClusterRole", "view")
        yield running


def bind(rbac: Any, namespace: str, subject: dict[str, str], kind: str, role: str) -> None:
    group = "rbac.authorization.k8s.io"
    body = {
        "metadata": {"name": role},
        "subjects": [{"apiGroup": group, **subject}],
        "roleRef": {"apiGroup": group, "kind": kind, "name": role},
    }
    rbac.create_namespaced_role_binding(namespace, body)


def refused(act: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(ApiException) as raised:
        act(*arguments, **named)
    assert raised.value.status == 403
    return str(raised.value.body)


def ada(guarded: LocalCluster) -> Any:
    return guarded.client("k8s-aws-v1.ada")


def bob(guarded: LocalCluster) -> Any:
    return guarded.client("k8s-aws-v1.bob")


def test_a_token_that_nobody_knows_is_unauthorized(guarded: LocalCluster) -> None:
    with pytest.raises(ApiException) as raised:
        client.BatchV1Api(guarded.client("k8s-aws-v1.eve")).list_namespaced_job("one")
    assert raised.value.status == 401


def test_a_group_may_do_what_its_role_allows_in_the_namespace_of_the_binding(guarded: LocalCluster) -> None:
    assert client.BatchV1Api(ada(guarded)).list_namespaced_job("one").items == []
    said = refused(client.BatchV1Api(ada(guarded)).list_namespaced_job, "two")
    words = r"jobs.batch is forbidden: User \"ada\" cannot list resource \"jobs\" in API group \"batch\" in the namespace \"two\""
    assert words in said


def test_another_verb_and_the_whole_cluster_are_forbidden(guarded: LocalCluster) -> None:
    batch = client.BatchV1Api(ada(guarded))
    assert r"jobs.batch \"a\" is forbidden: User \"ada\" cannot delete" in refused(
        batch.delete_namespaced_job, "a", "one"
    )
    assert "at the cluster scope" in refused(batch.list_job_for_all_namespaces)


def test_a_subresource_needs_a_rule_of_its_own(guarded: LocalCluster) -> None:
    core = client.CoreV1Api(ada(guarded))
    with pytest.raises(ApiException) as raised:
        core.read_namespaced_pod_log("absent", "one")
    assert raised.value.status == 404
    assert "pods" in refused(core.read_namespaced_pod, "absent", "one")


def test_names_in_a_rule_are_the_only_ones(guarded: LocalCluster) -> None:
    core = client.CoreV1Api(ada(guarded))
    with pytest.raises(ApiException) as raised:
        core.read_namespaced_config_map("mine", "one")
    assert raised.value.status == 404
    refused(core.read_namespaced_config_map, "yours", "one")
    refused(core.list_namespaced_config_map, "one")
    assert core.list_namespaced_config_map("one", field_selector="metadata.name=mine").items == []
    refused(core.list_namespaced_config_map, "one", field_selector="metadata.name=yours")


def test_a_role_in_a_namespace_may_be_about_the_namespace_itself(guarded: LocalCluster) -> None:
    core = client.CoreV1Api(ada(guarded))
    assert core.read_namespace("one").metadata.name == "one"
    assert r"in the namespace \"two\"" in refused(core.read_namespace, "two")
    refused(core.list_namespace)


def test_a_cluster_role_that_is_bound_in_a_namespace_holds_there_alone(guarded: LocalCluster) -> None:
    assert client.CoreV1Api(bob(guarded)).list_namespaced_pod("two").items == []
    refused(client.CoreV1Api(bob(guarded)).list_namespaced_pod, "one")


def test_what_is_granted_beyond_roles_holds_in_its_namespaces(guarded: LocalCluster) -> None:
    core = client.CoreV1Api(guarded.client("k8s-aws-v1.cyd"))
    assert core.list_namespaced_pod("one").items == []
    refused(core.list_namespaced_pod, "two")
    refused(core.list_pod_for_all_namespaces)


def test_nobody_can_be_somebody_else(guarded: LocalCluster) -> None:
    api = guarded.client()
    api.set_default_header("Impersonate-User", "ada")
    with pytest.raises(ApiException, match="Impersonate-User") as raised:
        client.CoreV1Api(api).list_namespaced_pod("one")
    assert raised.value.status == 400


def test_everybody_who_is_known_may_read_what_is_served(guarded: LocalCluster) -> None:
    assert client.ApisApi(bob(guarded)).get_api_versions().groups


@pytest.mark.parametrize(
    ("verb", "namespace", "allowed"), [("list", "one", True), ("delete", "one", False), ("list", "two", False)]
)
def test_everybody_may_ask_what_they_may(guarded: LocalCluster, verb: str, namespace: str, allowed: bool) -> None:
    wanted = {"verb": verb, "group": "batch", "resource": "jobs", "namespace": namespace}
    review = {"spec": {"resourceAttributes": wanted}}
    answer = client.AuthorizationV1Api(ada(guarded)).create_self_subject_access_review(review)
    assert answer.status.allowed is allowed


def test_everybody_may_ask_for_all_their_rules_and_who_they_are(guarded: LocalCluster) -> None:
    review = {"spec": {"namespace": "one"}}
    rules = client.AuthorizationV1Api(ada(guarded)).create_self_subject_rules_review(review).status.resource_rules
    assert ["jobs"] in [rule.resources for rule in rules]
    me = client.AuthenticationV1Api(ada(guarded)).create_self_subject_review({}).status.user_info
    assert (me.username, me.groups) == ("ada", ["makers", "system:authenticated"])


def test_a_role_that_is_taken_away_holds_no_more(guarded: LocalCluster) -> None:
    rbac = client.RbacAuthorizationV1Api(guarded.client())
    rbac.delete_namespaced_role_binding("view", "two")
    refused(client.CoreV1Api(bob(guarded)).list_namespaced_pod, "two")
