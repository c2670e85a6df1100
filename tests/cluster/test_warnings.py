"""What any API server does and warns of: unknown fields, versions on their way out, pods that a stricter level would forbid."""

import pytest

from tests.cluster.definitions import Widgets, defined
from tests.cluster.probe import Json, Probe, Reply, eventually

WARN = "pod-security.kubernetes.io/warn"
SAFE: Json = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
LEFT = r"runAsNonRoot != true (pod or container \"c\" must set securityContext.runAsNonRoot=true)"
SIZED: Json = {"type": "object", "properties": {"size": {"type": "integer"}}}


def job(probe: Probe, name: str, query: str = "", pod: Json | None = None, **spec: object) -> Reply:
    container = {"name": "c", "image": "none.local/i", **(pod or {})}
    whole = {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}, **spec}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": whole}
    return probe.post(f"{probe.jobs}?dryRun=All{query}", body)


@pytest.mark.parametrize("query", ["", "&fieldValidation=Warn"])
def test_an_unknown_field_is_dropped_with_a_warning(probe: Probe, query: str) -> None:
    reply = job(probe, "a", query, backofLimit=1, pod={"comand": []})
    assert (reply.code, "backofLimit" in reply.body["spec"]) == (201, False)
    assert sorted(reply.warnings) == [
        '299 - "unknown field \\"spec.backofLimit\\""',
        '299 - "unknown field \\"spec.template.spec.containers[0].comand\\""',
    ]


def test_nothing_is_said_of_it_where_nobody_wants_to_know(probe: Probe) -> None:
    assert job(probe, "a", "&fieldValidation=Ignore", backofLimit=1).warnings == []


def test_an_unknown_field_is_refused_where_validation_is_strict(probe: Probe) -> None:
    reply = job(probe, "a", "&fieldValidation=Strict", backofLimit=1)
    assert (reply.code, 'unknown field "spec.backofLimit"' in reply.body["message"]) == (400, True)


def test_a_change_warns_as_well(probe: Probe) -> None:
    assert probe.apply("m", "one", {"k": "v"}).code == 201
    path = f"{probe.maps}/m"
    assert probe.patch(path, {"dta": {}}).warnings == ['299 - "unknown field \\"dta\\""']


def widgets(probe: Probe) -> Widgets:
    return Widgets(probe, SIZED)


def test_an_unknown_field_of_a_custom_kind_is_dropped_with_a_warning(probe: Probe) -> None:
    with defined(probe, SIZED) as kind:
        assert kind.make("a", size=1, sice=2).warnings == ['299 - "unknown field \\"spec.sice\\""']


def test_a_deprecated_version_is_named_with_the_one_that_lasts(probe: Probe) -> None:
    kind = widgets(probe)
    old = kind.version("v1beta1", deprecated=True)
    older = kind.version("v1alpha1", deprecated=True, deprecationWarning="gone soon")
    assert kind.define(kind.version(), old, older).code == 201
    eventually(lambda: probe.get(kind.path).code == 200)
    plain = f"{kind.group}/v1beta1 Widget is deprecated; use {kind.group}/v1 Widget"
    listed = probe.get(kind.path.replace("/v1/", "/v1beta1/"))
    assert (listed.code, listed.warnings) == (200, [f'299 - "{plain}"'])
    assert probe.get(kind.path.replace("/v1/", "/v1alpha1/")).warnings == ['299 - "gone soon"']
    assert probe.get(kind.path).warnings == []
    probe.call("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind.name}")


def test_pods_and_jobs_that_a_level_would_forbid_are_taken_with_a_warning(probe: Probe) -> None:
    labels = {"metadata": {"labels": {WARN: "restricted"}}}
    assert probe.patch(f"/api/v1/namespaces/{probe.namespace}", labels).code == 200
    safe = {"securityContext": {**SAFE, "seccompProfile": {"type": "RuntimeDefault"}}}
    said = f'299 - "would violate PodSecurity \\"restricted:latest\\": {LEFT}"'
    reply = job(probe, "a", pod=safe)
    assert (reply.code, reply.warnings) == (201, [said])
    spec = {"containers": [{"name": "c", "image": "none.local/i", **safe}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    reply = probe.post(f"{probe.pods}?dryRun=All", body)
    assert (reply.code, reply.warnings) == (201, [said])


def test_a_pod_that_is_refused_is_not_warned_of(probe: Probe) -> None:
    labels = {WARN: "restricted", "pod-security.kubernetes.io/enforce": "baseline"}
    assert probe.patch(f"/api/v1/namespaces/{probe.namespace}", {"metadata": {"labels": labels}}).code == 200
    spec = {"hostNetwork": True, "containers": [{"name": "c", "image": "none.local/i"}]}
    reply = probe.post(probe.pods, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    assert (reply.code, reply.warnings) == (403, [])
