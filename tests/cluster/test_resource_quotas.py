"""What any API server refuses when a namespace is full, and what it says is used."""

import re
from typing import Any

import pytest

from tests.cluster.definitions import defined
from tests.cluster.probe import Json, Probe, Reply

BY_NAME = re.compile(r'^(?P<kind>\S+) "[^"]+" is forbidden: (?P<why>.+)$')


def quota(probe: Probe, eventually: Any, **hard: str) -> str:
    """Make a quota, wait until the server counts, and give its path."""
    spec = {"hard": {name.replace("__", "/").replace("_", "."): amount for name, amount in hard.items()}}
    path = f"/api/v1/namespaces/{probe.namespace}/resourcequotas"
    made = probe.post(path, {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": spec})
    assert made.code == 201, made.body
    eventually(lambda: used(probe, f"{path}/q"))
    return f"{path}/q"


def used(probe: Probe, path: str) -> Json:
    return dict((probe.get(path).body.get("status") or {}).get("used") or {})


def secret(probe: Probe, name: str) -> Reply:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    return probe.post(f"/api/v1/namespaces/{probe.namespace}/secrets", body)


def pod(probe: Probe, name: str, **amounts: Any) -> Reply:
    container = {"name": "c", "image": "none.local/i", "resources": amounts}
    spec = {"containers": [container], "schedulerName": "nobody"}
    return probe.post(probe.pods, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def why(reply: Reply) -> str:
    assert (reply.code, reply.reason) == (403, "Forbidden"), reply.body
    found = BY_NAME.match(reply.body["message"])
    assert found, reply.body["message"]
    return found["why"]


def test_a_full_namespace_takes_no_more_objects(probe: Probe, eventually: Any) -> None:
    quota(probe, eventually, count__secrets="1")
    assert secret(probe, "a").code == 201
    reply = secret(probe, "b")
    assert (
        why(reply) == "exceeded quota: q, requested: count/secrets=1, used: count/secrets=1, limited: count/secrets=1"
    )
    assert reply.body["details"] == {"name": "b", "kind": "secrets"} | (
        {"group": ""} if "group" in reply.body["details"] else {}
    )


def test_what_is_used_is_counted_up_and_down(probe: Probe, eventually: Any) -> None:
    path = quota(probe, eventually, count__secrets="2", count__configmaps="9")
    assert secret(probe, "a").code == 201
    eventually(lambda: used(probe, path)["count/secrets"] == "1")
    probe.call("DELETE", f"/api/v1/namespaces/{probe.namespace}/secrets/a")
    eventually(lambda: used(probe, path)["count/secrets"] == "0")
    assert probe.get(path).body["status"]["hard"] == {"count/secrets": "2", "count/configmaps": "9"}


def test_a_place_that_is_free_again_is_taken(probe: Probe, eventually: Any) -> None:
    quota(probe, eventually, count__secrets="1")
    secret(probe, "a")
    assert secret(probe, "b").code == 403
    probe.call("DELETE", f"/api/v1/namespaces/{probe.namespace}/secrets/a")
    eventually(lambda: secret(probe, "b").code == 201)


def test_jobs_are_counted_with_their_group(probe: Probe, eventually: Any) -> None:
    quota(probe, eventually, count__jobs_batch="0")
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none.local/i"}]}}
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "a"},
        "spec": {"suspend": True, "template": template},
    }
    limit = "requested: count/jobs.batch=1, used: count/jobs.batch=0, limited: count/jobs.batch=0"
    assert why(probe.post(probe.jobs, body)) == f"exceeded quota: q, {limit}"


def test_custom_objects_are_counted_as_well(probe: Probe, eventually: Any) -> None:
    with defined(probe, {"type": "object"}) as widgets:
        hard = {f"count/widgets.{widgets.group}": "1"}
        path = f"/api/v1/namespaces/{probe.namespace}/resourcequotas"
        body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}}
        assert probe.post(path, body).code == 201
        eventually(lambda: used(probe, f"{path}/q"))
        widgets.make("a")
        eventually(lambda: widgets.make("b", "?dryRun=All").code == 403)


def test_pods_are_counted_by_what_they_ask_for(probe: Probe, eventually: Any) -> None:
    path = quota(probe, eventually, pods="5", requests_cpu="2", limits_memory="1Gi")
    assert pod(probe, "a", requests={"cpu": "1500m"}, limits={"memory": "512Mi"}).code == 201
    eventually(lambda: used(probe, path) == {"pods": "1", "requests.cpu": "1500m", "limits.memory": "512Mi"})
    amounts = "requested: requests.cpu=1, used: requests.cpu=1500m, limited: requests.cpu=2"
    reply = pod(probe, "b", requests={"cpu": "1"}, limits={"memory": "512Mi"})
    assert why(reply) == f"exceeded quota: q, {amounts}"


def test_everything_that_does_not_fit_is_named(probe: Probe, eventually: Any) -> None:
    quota(probe, eventually, cpu="1", memory="1Gi")
    reply = pod(probe, "a", requests={"cpu": "2", "memory": "2Gi"})
    limit = "requested: cpu=2,memory=2Gi, used: cpu=0,memory=0, limited: cpu=1,memory=1Gi"
    assert why(reply) == f"exceeded quota: q, {limit}"


@pytest.mark.parametrize(("amounts", "lacking"), [
    ({}, "limits.memory for: c; requests.cpu for: c"),
    ({"requests": {"cpu": "1"}}, "limits.memory for: c"),
])  # fmt: skip
def test_where_amounts_are_counted_a_pod_must_say_them(
    probe: Probe, eventually: Any, amounts: Json, lacking: str
) -> None:
    quota(probe, eventually, requests_cpu="2", limits_memory="1Gi")
    assert why(pod(probe, "a", **amounts)) == f"failed quota: q: must specify {lacking}"


def test_a_claim_is_counted_by_its_size(probe: Probe, eventually: Any) -> None:
    path = quota(probe, eventually, persistentvolumeclaims="1", requests_storage="10Gi")
    claims = f"/api/v1/namespaces/{probe.namespace}/persistentvolumeclaims"

    def claim(name: str, size: str) -> Reply:
        spec = {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "none",
            "resources": {"requests": {"storage": size}},
        }
        body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
        return probe.post(claims, body)

    assert "requested: requests.storage=11Gi, used: requests.storage=0" in why(claim("a", "11Gi"))
    assert claim("b", "10Gi").code == 201
    eventually(lambda: used(probe, path) == {"persistentvolumeclaims": "1", "requests.storage": "10Gi"})


def test_a_jobs_pod_that_does_not_fit_is_told_of_and_comes_when_there_is_room(probe: Probe, eventually: Any) -> None:
    path = quota(probe, eventually, pods="0")
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none.local/i"}]}}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": {"template": template}}
    assert probe.post(probe.jobs, body).code == 201
    events = f"/api/v1/namespaces/{probe.namespace}/events?fieldSelector=involvedObject.name%3Da"

    def told() -> list[str]:
        return [e["message"] for e in probe.get(events).body["items"] if e["reason"] == "FailedCreate"]

    (message, *_) = eventually(told)
    assert "is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0" in message
    assert probe.get(probe.pods).names == []
    probe.patch(path, {"spec": {"hard": {"pods": "1"}}})
    eventually(lambda: probe.get(probe.pods).names)


def scoped(probe: Probe, name: str, hard: Json, **spec: Any) -> Reply:
    path = f"/api/v1/namespaces/{probe.namespace}/resourcequotas"
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}}
    return probe.post(path, {**body, "spec": {"hard": hard, **spec}})


def counted(probe: Probe, name: str) -> str:
    path = f"/api/v1/namespaces/{probe.namespace}/resourcequotas/{name}"
    return str(used(probe, path).get("pods", ""))


def a_pod(probe: Probe, name: str, resources: Json | None = None, **spec: Any) -> Reply:
    container = {"name": "c", "image": "none.local/i", "resources": resources or {}}
    whole = {"containers": [container], "schedulerName": "nobody", **spec}
    return probe.post(probe.pods, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": whole})


ASKS: Json = {"requests": {"cpu": "1"}}


@pytest.mark.parametrize(
    ("scope", "inside", "outside"),
    [
        ("BestEffort", {}, {"resources": ASKS}),
        ("NotBestEffort", {"resources": ASKS}, {}),
        ("Terminating", {"activeDeadlineSeconds": 60}, {}),
        ("NotTerminating", {}, {"activeDeadlineSeconds": 60}),
    ],
)
def test_a_quota_of_a_scope_counts_its_pods_only(
    probe: Probe, eventually: Any, scope: str, inside: Json, outside: Json
) -> None:
    assert scoped(probe, "q", {"pods": "1"}, scopes=[scope]).code == 201
    eventually(lambda: counted(probe, "q") == "0")
    for name in ("o1", "o2"):
        assert a_pod(probe, name, **outside).code == 201
    assert a_pod(probe, "i1", **inside).code == 201
    assert why(a_pod(probe, "i2", **inside)) == "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"
    eventually(lambda: counted(probe, "q") == "1")


def test_only_pods_of_the_scope_must_say_what_a_quota_counts(probe: Probe, eventually: Any) -> None:
    assert scoped(probe, "q", {"limits.cpu": "1", "pods": "9"}, scopes=["Terminating"]).code == 201
    eventually(lambda: counted(probe, "q") == "0")
    assert a_pod(probe, "lasting").code == 201
    assert why(a_pod(probe, "short", activeDeadlineSeconds=60)) == "failed quota: q: must specify limits.cpu for: c"


@pytest.fixture
def classes(probe: Probe) -> Any:
    """Two priority classes of the test's own."""
    path = "/apis/scheduling.k8s.io/v1/priorityclasses"
    names = [f"{probe.namespace}-{word}" for word in ("high", "low")]
    for name, value in zip(names, (1000, 10), strict=True):
        body = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}}
        assert probe.post(path, {**body, "value": value}).code == 201
    yield names
    for name in names:
        probe.call("DELETE", f"{path}/{name}")


@pytest.mark.parametrize(("operator", "inside"), [("In", 1), ("NotIn", 2), ("Exists", 2), ("DoesNotExist", 1)])
def test_a_selector_counts_pods_by_their_priority_class(
    probe: Probe, eventually: Any, classes: list[str], operator: str, inside: int
) -> None:
    high, low = classes
    values = {"values": [high]} if operator in ("In", "NotIn") else {}
    expression = {"scopeName": "PriorityClass", "operator": operator, **values}
    assert scoped(probe, "q", {"pods": "9"}, scopeSelector={"matchExpressions": [expression]}).code == 201
    eventually(lambda: counted(probe, "q") == "0")
    for name, more in {"h": {"priorityClassName": high}, "l": {"priorityClassName": low}, "n": {}}.items():
        assert a_pod(probe, name, **more).code == 201
    eventually(lambda: counted(probe, "q") == str(inside))


def test_a_pod_has_the_priority_of_its_class(probe: Probe, classes: list[str]) -> None:
    spec = a_pod(probe, "p", priorityClassName=classes[0]).body["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (1000, "PreemptLowerPriority")
    assert a_pod(probe, "plain").body["spec"]["priority"] == 0


def test_a_priority_class_that_is_not_there_is_refused(probe: Probe) -> None:
    assert why(a_pod(probe, "p", priorityClassName="nobody-made")) == (
        "no PriorityClass with name nobody-made was found"
    )


@pytest.mark.parametrize(
    ("hard", "spec", "words"),
    [
        ({"pods": "1"}, {"scopes": ["Nonsense"]}, "unsupported scope"),
        ({"cpu": "1"}, {"scopes": ["BestEffort"]}, "unsupported scope applied to resource"),
        ({"secrets": "1"}, {"scopes": ["Terminating"]}, "unsupported scope applied to resource"),
        ({"pods": "1"}, {"scopes": ["BestEffort", "NotBestEffort"]}, "conflicting scopes"),
        (
            {"pods": "1"},
            {"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}},
            "at least one value",
        ),
    ],
)
def test_scopes_that_make_no_sense_are_refused(probe: Probe, hard: Json, spec: Json, words: str) -> None:
    reply = scoped(probe, "q", hard, **spec)
    assert (reply.code, words in reply.body["message"]) == (422, True), reply.body


def test_scopes_do_not_change(probe: Probe) -> None:
    assert scoped(probe, "q", {"pods": "1"}, scopes=["Terminating"]).code == 201
    path = f"/api/v1/namespaces/{probe.namespace}/resourcequotas/q"
    reply = probe.patch(path, {"spec": {"scopes": ["NotTerminating"]}})
    assert (reply.code, "field is immutable" in reply.body["message"]) == (422, True)
