"""What any API server refuses by a ValidatingAdmissionPolicy, where a binding says so."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.probe import Json, Probe, Reply

GROUP = "/apis/admissionregistration.k8s.io/v1"
POLICIES, BINDINGS = f"{GROUP}/validatingadmissionpolicies", f"{GROUP}/validatingadmissionpolicybindings"
HEAD = {"apiVersion": "admissionregistration.k8s.io/v1"}
MAPS: Json = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE", "UPDATE"]}
Enforce = Callable[..., None]


@pytest.fixture
def enforce(probe: Probe, eventually: Any) -> Iterator[Enforce]:
    """Bind a policy to the test's namespace and wait until it holds."""
    name = probe.namespace

    def bind(*validations: Json, rule: Json | None = None, actions: tuple[str, ...] = ("Deny",), **spec: Any) -> None:
        canary = {"expression": "object == null || object.metadata.name != 'canary'", "message": "canary"}
        constraints = {"resourceRules": [rule or MAPS]}
        body = {"matchConstraints": constraints, "validations": [*validations, canary], **spec}
        policy = probe.post(
            POLICIES, {**HEAD, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": body}
        )
        assert policy.code == 201, policy.body
        where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
        made = {"policyName": name, "validationActions": list(actions), "matchResources": where}
        bound = probe.post(
            BINDINGS, {**HEAD, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": made}
        )
        assert bound.code == 201, bound.body
        if actions == ("Deny",):
            eventually(lambda: make(probe, "canary", query="?dryRun=All").code == 422)

    yield bind
    for path in (BINDINGS, POLICIES):
        probe.call("DELETE", f"{path}/{name}")


def make(probe: Probe, name: str, query: str = "", **data: str) -> Reply:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
    return probe.post(probe.maps + query, body)


def denied(reply: Reply, code: int = 422, reason: str = "Invalid") -> str:
    assert (reply.code, reply.reason) == (code, reason), reply.body
    assert " is forbidden: ValidatingAdmissionPolicy 'probe-" in reply.body["message"]
    return str(reply.body["message"].partition(" denied request: ")[2])


SIZE = {"expression": "size(object.data) < 2", "message": "one key at most"}


def test_a_binding_may_warn_instead(probe: Probe, enforce: Enforce, eventually: Any) -> None:
    enforce(SIZE, actions=("Warn",))

    def warned() -> list[str]:
        reply = make(probe, "a", query="?dryRun=All", k="v", l="w")
        assert reply.code == 201, reply.body
        return reply.warnings

    name = probe.namespace
    said = f"Validation failed for ValidatingAdmissionPolicy '{name}' with binding '{name}': one key at most"
    assert eventually(warned) == [f'299 - "{said}"']


def test_an_expression_that_does_not_hold_denies(probe: Probe, enforce: Enforce) -> None:
    enforce(SIZE)
    reply = make(probe, "a", k="v", l="w")
    where = f"ValidatingAdmissionPolicy '{probe.namespace}' with binding '{probe.namespace}'"
    assert reply.body["message"] == f'configmaps "a" is forbidden: {where} denied request: one key at most'
    assert denied(reply) == "one key at most"
    assert make(probe, "a", k="v").code == 201


def test_a_change_is_compared_with_what_was(probe: Probe, enforce: Enforce) -> None:
    enforce({"expression": "oldObject == null || object.data.k == oldObject.data.k", "message": "k stays"})
    make(probe, "a", k="v")
    assert denied(probe.patch(f"{probe.maps}/a", {"data": {"k": "w"}})) == "k stays"
    assert denied(probe.apply("a", "one", {"k": "x"}, "&force=true")) == "k stays"
    assert probe.patch(f"{probe.maps}/a", {"data": {"l": "w"}}).body["data"] == {"k": "v", "l": "w"}


def test_a_deletion_is_judged_by_what_is_deleted(probe: Probe, enforce: Enforce) -> None:
    rule = {**MAPS, "operations": ["CREATE", "DELETE"]}
    enforce({"expression": "request.operation != 'DELETE' || oldObject.metadata.name != 'kept'"}, rule=rule)
    make(probe, "kept")
    make(probe, "gone")
    reply = probe.call("DELETE", f"{probe.maps}/kept")
    assert denied(reply) == "failed expression: request.operation != 'DELETE' || oldObject.metadata.name != 'kept'"
    assert probe.call("DELETE", f"{probe.maps}/gone").code == 200
    assert probe.get(f"{probe.maps}/kept").code == 200


def test_a_reason_of_its_own_has_its_code(probe: Probe, enforce: Enforce) -> None:
    enforce({**SIZE, "reason": "Forbidden", "messageExpression": "'only one, not ' + string(size(object.data))"})
    assert denied(make(probe, "a", k="v", l="w"), 403, "Forbidden") == "only one, not 2"


def test_variables_are_worked_out_in_order(probe: Probe, enforce: Enforce) -> None:
    variables = [
        {"name": "keys", "expression": "size(object.data)"},
        {"name": "many", "expression": "variables.keys > 1"},
    ]
    enforce({"expression": "!variables.many", "message": "many"}, variables=variables)
    assert denied(make(probe, "a", k="v", l="w")) == "many"
    assert make(probe, "b", k="v").code == 201


def test_who_asks_and_where_is_known(probe: Probe, enforce: Enforce) -> None:
    where = f"request.namespace == '{probe.namespace}' && namespaceObject.metadata.name == request.namespace"
    enforce({"expression": f"!({where} && size(request.userInfo.username) > 0)", "message": "known"})
    assert denied(make(probe, "a")) == "known"


def test_conditions_say_of_what_a_policy_is_asked(probe: Probe, enforce: Enforce) -> None:
    enforce(SIZE, matchConditions=[{"name": "not-free", "expression": "object.metadata.name != 'free'"}])
    assert make(probe, "free", k="v", l="w").code == 201
    assert make(probe, "a", k="v", l="w").code == 422


@pytest.mark.parametrize(("policy", "code"), [("Fail", 422), ("Ignore", 201)])
def test_an_expression_without_a_value_is_a_failure(probe: Probe, enforce: Enforce, policy: str, code: int) -> None:
    enforce({"expression": "object.data.nothing == 'x'"}, failurePolicy=policy, rule={**MAPS, "operations": ["CREATE"]})
    reply = make(probe, "a", k="v")
    assert reply.code == code
    if code == 422:
        assert denied(reply) == "expression 'object.data.nothing == 'x'' resulted in error: no such key: nothing"


def test_a_binding_that_does_not_deny_lets_pass(probe: Probe, enforce: Enforce) -> None:
    enforce(SIZE, actions=("Audit",))
    assert make(probe, "a", k="v", l="w").code == 201


def test_other_kinds_operations_and_names_are_not_concerned(probe: Probe, enforce: Enforce) -> None:
    enforce({"expression": "false"}, rule={**MAPS, "operations": ["CREATE"], "resourceNames": ["canary"]})
    assert make(probe, "a").code == 201
    assert probe.patch(f"{probe.maps}/a", {"data": {"k": "v"}}).code == 200
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canary"}}
    assert probe.post(f"/api/v1/namespaces/{probe.namespace}/secrets", body).code == 201


def test_a_jobs_pods_are_judged_as_well(probe: Probe, enforce: Enforce, eventually: Any) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods", "configmaps"], "operations": ["CREATE"]}
    enforce({"expression": "object.kind != 'Pod'", "message": "no pods here"}, rule=rule)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none.local/i"}]}}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": {"template": template}}
    assert probe.post(probe.jobs, body).code == 201
    events = f"/api/v1/namespaces/{probe.namespace}/events?fieldSelector=involvedObject.name%3Da"
    (event, *_) = eventually(lambda: [e for e in probe.get(events).body["items"] if e["reason"] == "FailedCreate"])
    assert "denied request: no pods here" in event["message"]
    assert probe.get(probe.pods).names == []


@pytest.mark.parametrize(("spec", "field"), [
    ({"validations": []}, "spec.validations"),
    ({"validations": [{"expression": "nobody == 1"}]}, "spec.validations[0].expression"),
    ({"validations": [{"expression": "true", "reason": "Whim"}]}, "spec.validations[0].reason"),
    ({"validations": [{"message": "m"}]}, "spec.validations[0].expression"),
    ({"validations": [{"expression": "true"}], "failurePolicy": "Maybe"}, "spec.failurePolicy"),
])  # fmt: skip
def test_a_policy_that_cannot_be_asked_is_invalid(probe: Probe, spec: Json, field: str) -> None:
    body = {"matchConstraints": {"resourceRules": [MAPS]}, **spec}
    policy = {**HEAD, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": probe.namespace}, "spec": body}
    reply = probe.post(POLICIES, policy)
    assert reply.code == 422, reply.body
    assert field in [cause["field"] for cause in reply.body["details"]["causes"]]
