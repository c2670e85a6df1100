"""Nobody gives away, or takes, what he does not hold: the API server's limit on whoever may write roles and bindings."""

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from localcloud.kubernetes import LocalCluster
from localcloud.kubernetes.authentication import Grant, User
from localcloud.kubernetes.first_roles import FIRST_ROLES

RBAC = "rbac.authorization.k8s.io"
KNOWN = {
    "k8s-aws-v1.ada": User("ada", ("granters",)),
    "k8s-aws-v1.adm": User("adm", grants=(Grant(FIRST_ROLES["admin"]),)),
    "k8s-aws-v1.eks": User("eks", grants=(Grant(FIRST_ROLES["cluster-admin"]),)),
}
ROLES: dict[str, Any] = {
    "apiGroups": [RBAC],
    "resources": ["roles", "rolebindings"],
    "verbs": ["get", "create", "update", "patch"],
}
LOOK: dict[str, Any] = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list"]}
WORK: dict[str, Any] = {**LOOK, "verbs": ["get", "delete", "list", "patch"]}
NAMED: dict[str, Any] = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"], "verbs": ["get"]}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster("limits", tmp_path_factory.mktemp("limits"), images={}, tokens=KNOWN.get) as running:
        yield running


@pytest.fixture
def team(cluster: LocalCluster, request: pytest.FixtureRequest) -> str:
    """A namespace in which ada may write roles and bindings and look at jobs."""
    name = f"team-{abs(hash(request.node.name)) % 10**8}"
    client.CoreV1Api(cluster.client()).create_namespace({"metadata": {"name": name}})
    rbac = client.RbacAuthorizationV1Api(cluster.client())
    rbac.create_namespaced_role(name, role("granter", ROLES, LOOK, NAMED))
    rbac.create_namespaced_role_binding(name, binding("granter", "granters"))
    return name


@pytest.fixture
def ada(cluster: LocalCluster) -> Any:
    return client.RbacAuthorizationV1Api(cluster.client("k8s-aws-v1.ada"))


def role(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "rules": list(rules)}


def binding(name: str, group: str, kind: str = "Role") -> dict[str, Any]:
    subjects = [{"kind": "Group", "apiGroup": RBAC, "name": group}]
    reference = {"apiGroup": RBAC, "kind": kind, "name": name}
    return {"metadata": {"name": f"{name}-{group}"}, "subjects": subjects, "roleRef": reference}


def refused(act: Any, *arguments: Any, status: int = 403) -> str:
    with pytest.raises(ApiException) as raised:
        act(*arguments)
    assert raised.value.status == status
    return str(raised.value.body)


def test_what_one_holds_may_be_given_on(ada: Any, team: str) -> None:
    ada.create_namespaced_role(team, role("less", {**LOOK, "verbs": ["get"]}))
    ada.create_namespaced_role_binding(team, binding("less", "others"))


def test_what_one_lacks_is_listed_in_the_servers_own_words(ada: Any, team: str) -> None:
    said = refused(ada.create_namespaced_role, team, role("more", WORK))
    who = r"user \"ada\" (groups=[\"granters\" \"system:authenticated\"])"
    what = r"{APIGroups:[\"batch\"], Resources:[\"jobs\"], Verbs:[\"delete\" \"patch\"]}"
    assert rf"{who} is attempting to grant RBAC permissions not currently held:\n{what}" in said


@pytest.mark.parametrize(
    "more",
    [
        {**LOOK, "verbs": ["*"]},
        {**LOOK, "resources": ["*"]},
        {**LOOK, "resources": ["jobs/status"]},
        {**LOOK, "apiGroups": ["*"]},
        {**NAMED, "resourceNames": ["two"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
    ],
)
def test_a_little_more_than_one_holds_is_too_much(ada: Any, team: str, more: dict[str, Any]) -> None:
    assert "not currently held" in refused(ada.create_namespaced_role, team, role("more", more))


def test_a_role_cannot_be_made_larger_by_changing_it(ada: Any, team: str) -> None:
    ada.create_namespaced_role(team, role("mine", LOOK))
    assert "not currently held" in refused(ada.replace_namespaced_role, "mine", team, role("mine", WORK))
    assert "not currently held" in refused(ada.patch_namespaced_role, "mine", team, {"rules": [WORK]})
    assert ada.read_namespaced_role("mine", team).rules[0].verbs == ["get", "list"]


def test_a_role_that_holds_more_may_be_labelled(cluster: LocalCluster, ada: Any, team: str) -> None:
    client.RbacAuthorizationV1Api(cluster.client()).create_namespaced_role(team, role("more", WORK))
    changed = ada.patch_namespaced_role("more", team, {"metadata": {"labels": {"a": "b"}}})
    assert changed.metadata.labels == {"a": "b"}


def test_a_role_that_holds_more_cannot_be_bound(cluster: LocalCluster, ada: Any, team: str) -> None:
    client.RbacAuthorizationV1Api(cluster.client()).create_namespaced_role(team, role("more", WORK))
    assert "not currently held" in refused(ada.create_namespaced_role_binding, team, binding("more", "granters"))
    assert "not currently held" in refused(
        ada.create_namespaced_role_binding, team, binding("cluster-admin", "granters", "ClusterRole")
    )


def test_a_role_that_does_not_exist_cannot_be_bound(ada: Any, team: str) -> None:
    refused(ada.create_namespaced_role_binding, team, binding("absent", "granters"), status=404)


def test_bind_and_escalate_lift_the_limit(cluster: LocalCluster, ada: Any, team: str) -> None:
    rbac = client.RbacAuthorizationV1Api(cluster.client())
    rbac.create_namespaced_role(team, role("lifted", {**ROLES, "verbs": ["bind", "escalate"]}))
    rbac.create_namespaced_role_binding(team, binding("lifted", "granters"))
    ada.create_namespaced_role(team, role("more", WORK))
    ada.create_namespaced_role_binding(team, binding("more", "others"))


def test_rights_from_elsewhere_lift_it_where_they_are_all_rights(cluster: LocalCluster, team: str) -> None:
    rbac = client.RbacAuthorizationV1Api(cluster.client("k8s-aws-v1.eks"))
    rbac.create_namespaced_role(team, role("more", WORK))
    rbac = client.RbacAuthorizationV1Api(cluster.client("k8s-aws-v1.adm"))
    assert "not currently held" in refused(rbac.create_namespaced_role, team, role("held", LOOK))


def test_to_make_an_object_by_applying_it_takes_the_right_to_create(cluster: LocalCluster, team: str) -> None:
    rbac = client.RbacAuthorizationV1Api(cluster.client())
    rbac.create_namespaced_role(
        team, role("patcher", {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]})
    )
    rbac.create_namespaced_role_binding(team, binding("patcher", "granters"))
    core = client.CoreV1Api(cluster.client("k8s-aws-v1.ada"))

    def apply() -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {"a": "b"}}
        core.patch_namespaced_config_map(
            "new", team, body, field_manager="me", _content_type="application/apply-patch+yaml"
        )

    assert r"cannot create resource \"configmaps\"" in refused(apply)
    client.CoreV1Api(cluster.client()).create_namespaced_config_map(team, {"metadata": {"name": "new"}})
    apply()
