"""What the local cluster refuses of a definition, where a real server would take it."""

from typing import Any

import pytest

from tests.cluster.definitions import Widgets
from tests.cluster.probe import Probe
from tests.localcloud.kubernetes.conftest import Team

SPEC = {"type": "object"}


@pytest.fixture
def widgets(probe: Probe, team: Team) -> Widgets:
    return Widgets(probe.within(team.namespace), SPEC)


@pytest.mark.parametrize(("version", "more", "field"), [
    ({}, {"conversion": {"strategy": "Webhook"}}, "spec.conversion.strategy"),
    ({"subresources": {"scale": {"specReplicasPath": ".a", "statusReplicasPath": ".b"}}}, {},
     "spec.versions[0].subresources.scale"),
    ({"selectableFields": [{"jsonPath": ".spec.a"}]}, {}, "spec.versions[0].selectableFields"),
])  # fmt: skip
def test_what_it_would_not_do_is_refused_by_name(
    widgets: Widgets, version: dict[str, Any], more: dict[str, Any], field: str
) -> None:
    reply = widgets.define(widgets.version(**version), **more)
    (cause,) = reply.body["details"]["causes"]
    assert (reply.code, cause["reason"], cause["field"]) == (422, "FieldValueForbidden", field)
    assert "local cluster" in cause["message"]


def test_a_definition_of_a_kind_that_is_built_in_changes_nothing(widgets: Widgets) -> None:
    body = widgets.body()
    name = "clusterqueues.kueue.x-k8s.io"
    body["metadata"] = {"name": name, "annotations": {"api-approved.kubernetes.io": "https://example.com"}}
    names = {"plural": "clusterqueues", "kind": "ClusterQueue"}
    body["spec"] |= {"group": "kueue.x-k8s.io", "names": names, "scope": "Cluster"}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert widgets.probe.post(path, body).code == 201
    queue = {"metadata": {"name": widgets.probe.namespace}, "spec": {"namespaceSelector": {}}}
    made = widgets.probe.post("/apis/kueue.x-k8s.io/v1beta2/clusterqueues", queue)
    widgets.probe.call("DELETE", f"{path}/{name}")
    assert made.body["spec"]["queueingStrategy"] == "BestEffortFIFO"
    assert widgets.probe.get(f"/apis/kueue.x-k8s.io/v1beta2/clusterqueues/{widgets.probe.namespace}").code == 200
