"""What roles, bindings and questions about rights must look like, on any cluster, for a user who may do everything."""

from typing import Any

import pytest

from tests.cluster.probe import MERGE, Probe, Reply

GROUP = "rbac.authorization.k8s.io"
REVIEWS = "/apis/authorization.k8s.io/v1"
LOOK = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


def write(probe: Probe, plural: str, kind: str, name: str, **rest: Any) -> Reply:
    path = f"/apis/{GROUP}/v1/namespaces/{probe.namespace}/{plural}"
    return probe.post(path, {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name}, **rest})


def bind(probe: Probe, name: str = "b", subject: dict[str, str] | None = None, **reference: str) -> Reply:
    to = {"apiGroup": GROUP, "kind": "Role", "name": "r", **reference}
    subjects = [subject or {"kind": "Group", "name": "g"}]
    return write(probe, "rolebindings", "RoleBinding", name, roleRef=to, subjects=subjects)


def fields(reply: Reply) -> list[str]:
    assert reply.code == 422
    return [cause["field"] for cause in reply.body["details"]["causes"]]


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ({**LOOK, "verbs": []}, "rules[0].verbs"),
        ({**LOOK, "apiGroups": []}, "rules[0].apiGroups"),
        ({**LOOK, "resources": []}, "rules[0].resources"),
        ({"nonResourceURLs": ["/x"], "verbs": ["get"]}, "rules[0].nonResourceURLs"),
    ],
)
def test_a_rule_says_verbs_groups_and_resources(probe: Probe, rule: dict[str, Any], wrong: str) -> None:
    assert fields(write(probe, "roles", "Role", "r", rules=[rule])) == [wrong]


def test_a_bindings_subjects_get_their_group(probe: Probe) -> None:
    assert bind(probe).body["subjects"] == [{"apiGroup": GROUP, "kind": "Group", "name": "g"}]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "Pod"}, "roleRef.kind"),
        ({"apiGroup": "apps"}, "roleRef.apiGroup"),
        ({"subject": {"kind": "Robot", "name": "g"}}, "subjects[0].kind"),
        ({"subject": {"kind": "ServiceAccount", "name": "g"}}, "subjects[0].namespace"),
    ],
)
def test_a_binding_names_what_exists(probe: Probe, wrong: dict[str, Any], field: str) -> None:
    assert fields(bind(probe, **wrong)) == [field]


def test_what_a_binding_refers_to_never_changes(probe: Probe) -> None:
    assert bind(probe).code == 201
    path = f"/apis/{GROUP}/v1/namespaces/{probe.namespace}/rolebindings/b"
    reply = probe.call("PATCH", path, {"roleRef": {"name": "other"}}, MERGE)
    assert fields(reply) == ["roleRef"]
    assert "cannot change roleRef" in reply.body["message"]


def test_whoever_may_do_everything_is_told_so(probe: Probe) -> None:
    wanted = {"verb": "delete", "group": "batch", "resource": "jobs", "namespace": probe.namespace}
    reply = review(probe, "SelfSubjectAccessReview", resourceAttributes=wanted)
    assert (reply.code, reply.body["status"]["allowed"]) == (201, True)


def test_one_may_ask_about_somebody_else(probe: Probe) -> None:
    assert write(probe, "roles", "Role", "r", rules=[LOOK]).code == 201
    assert bind(probe).code == 201
    for verb, allowed in (("get", True), ("delete", False)):
        wanted = {"verb": verb, "resource": "pods", "namespace": probe.namespace}
        reply = review(probe, "SubjectAccessReview", user="u", groups=["g"], resourceAttributes=wanted)
        assert reply.body["status"]["allowed"] is allowed


def test_a_question_is_about_one_thing(probe: Probe) -> None:
    assert fields(review(probe, "SelfSubjectAccessReview")) == ["spec.resourceAttributes"]
    both = {"resourceAttributes": {"verb": "get"}, "nonResourceAttributes": {"verb": "get"}}
    assert fields(review(probe, "SelfSubjectAccessReview", **both)) == ["spec.nonResourceAttributes"]
    assert fields(review(probe, "SubjectAccessReview", resourceAttributes={"verb": "get"})) == ["spec.user"]


def test_all_rules_are_those_of_a_namespace(probe: Probe) -> None:
    reply = review(probe, "SelfSubjectRulesReview")
    assert (reply.code, reply.body["message"]) == (400, "no namespace on request")


def review(probe: Probe, kind: str, **spec: Any) -> Reply:
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    return probe.post(f"{REVIEWS}/{kind.lower()}s", body)
