"""What any API server merges item by item and what it replaces as a whole, by the list and map types of a kind."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.definitions import Widgets, defined
from tests.cluster.probe import APPLY, Json, Probe, Reply

Apply = Callable[..., Reply]
RULE: Json = {
    "type": "object",
    "properties": {
        "host": {"type": "string"},
        "protocol": {"type": "string", "default": "TCP"},
        "weight": {"type": "integer"},
    },
}
STRINGS: Json = {"type": "array", "items": {"type": "string"}}
SPEC: Json = {
    "type": "object",
    "properties": {
        "tags": {**STRINGS, "x-kubernetes-list-type": "set"},
        "words": STRINGS,
        "rules": {
            "type": "array",
            "items": {**RULE, "required": ["host"]},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["host", "protocol"],
        },
        "where": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "x-kubernetes-map-type": "atomic",
        },
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


@pytest.fixture
def widgets(probe: Probe) -> Iterator[Widgets]:
    with defined(probe, SPEC) as kind:
        yield kind


@pytest.fixture
def apply(widgets: Widgets) -> Apply:
    def send(manager: str, query: str = "", **spec: Any) -> Reply:
        body = {"apiVersion": f"{widgets.group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}
        return widgets.probe.patch(f"{widgets.path}/w?fieldManager={manager}{query}", body, APPLY)

    return send


def owned(reply: Reply, manager: str) -> Json:
    entry = next(one for one in reply.body["metadata"]["managedFields"] if one["manager"] == manager)
    return dict(entry["fieldsV1"]["f:spec"])


def fields(reply: Reply) -> set[str]:
    assert (reply.code, reply.reason) == (409, "Conflict"), reply.body
    return {cause["field"] for cause in reply.body["details"]["causes"]}


def test_a_set_is_shared_item_by_item(apply: Apply) -> None:
    apply("one", tags=["a", "b"])
    reply = apply("two", tags=["b", "c"])
    assert sorted(reply.body["spec"]["tags"]) == ["a", "b", "c"]
    assert owned(reply, "two") == {"f:tags": {'v:"b"': {}, 'v:"c"': {}}}
    assert sorted(apply("one", tags=["a"]).body["spec"]["tags"]) == ["a", "b", "c"]
    assert sorted(apply("two", tags=["c"]).body["spec"]["tags"]) == ["a", "c"]


def test_a_list_without_a_type_is_owned_as_a_whole(apply: Apply) -> None:
    assert owned(apply("one", words=["a", "b"]), "one") == {"f:words": {}}
    assert fields(apply("two", words=["b"])) == {".spec.words"}
    assert apply("two", "&force=true", words=["b"]).body["spec"]["words"] == ["b"]


def test_items_are_told_apart_by_all_keys_and_a_key_has_its_default(apply: Apply) -> None:
    first = apply("one", rules=[{"host": "a", "weight": 1}])
    key = 'k:{"host":"a","protocol":"TCP"}'
    assert owned(first, "one")["f:rules"] == {key: {".": {}, "f:host": {}, "f:weight": {}}}
    second = apply("two", rules=[{"host": "a", "protocol": "UDP", "weight": 2}])
    assert [(one["protocol"], one["weight"]) for one in second.body["spec"]["rules"]] == [("TCP", 1), ("UDP", 2)]
    clash = apply("two", rules=[{"host": "a", "protocol": "TCP", "weight": 3}])
    assert fields(clash) == {'.spec.rules[host="a",protocol="TCP"].weight'}


def test_an_item_no_longer_declared_is_removed(apply: Apply) -> None:
    apply("one", rules=[{"host": "a"}, {"host": "b"}])
    assert [one["host"] for one in apply("one", rules=[{"host": "b"}]).body["spec"]["rules"]] == ["b"]


def test_a_map_merges_key_by_key_unless_it_is_atomic(apply: Apply) -> None:
    apply("one", labels={"a": "1"}, where={"a": "1"})
    assert apply("two", labels={"b": "2"}).body["spec"]["labels"] == {"a": "1", "b": "2"}
    assert fields(apply("two", where={"b": "2"})) == {".spec.where"}
    assert apply("two", "&force=true", where={"b": "2"}).body["spec"]["where"] == {"b": "2"}


def job(probe: Probe, manager: str, query: str = "", pod: Json | None = None, **container: Any) -> Reply:
    spec = {
        "restartPolicy": "Never",
        "containers": [{"name": "c", "image": "none.local/i", **container}],
        **(pod or {}),
    }
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}}
    whole = {**body, "spec": {"suspend": True, "template": {"spec": spec}}}
    return probe.patch(f"{probe.jobs}/j?fieldManager={manager}{query}", whole, APPLY)


def pod_fields(reply: Reply) -> Json:
    assert reply.code == 201, reply.body
    return dict(owned(reply, "one")["f:template"]["f:spec"])


def test_ports_are_told_apart_by_number_and_protocol(probe: Probe) -> None:
    reply = job(probe, "one", ports=[{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}])
    ports = pod_fields(reply)["f:containers"]['k:{"name":"c"}']["f:ports"]
    assert sorted(ports) == [f'k:{{"containerPort":53,"protocol":"{word}"}}' for word in ("TCP", "UDP")]


def test_environments_merge_by_name_and_commands_are_replaced(probe: Probe) -> None:
    reply = job(probe, "one", env=[{"name": "A", "value": "1"}], command=["a"])
    container = pod_fields(reply)["f:containers"]['k:{"name":"c"}']
    assert container["f:env"] == {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}}
    assert container["f:command"] == {}


def test_a_selector_of_nodes_is_owned_as_a_whole_and_so_are_tolerations(probe: Probe) -> None:
    pod = {"nodeSelector": {"a": "1"}, "tolerations": [{"key": "k", "operator": "Exists"}]}
    found = pod_fields(job(probe, "one", pod=pod))
    assert (found["f:nodeSelector"], found["f:tolerations"]) == ({}, {})


def test_pull_secrets_of_an_account_are_replaced_and_its_secrets_merge(probe: Probe) -> None:
    path = f"/api/v1/namespaces/{probe.namespace}/serviceaccounts/s"

    def apply(manager: str, **more: Any) -> Reply:
        body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "s"}, **more}
        return probe.patch(f"{path}?fieldManager={manager}", body, APPLY)

    apply("one", imagePullSecrets=[{"name": "a"}], secrets=[{"name": "a"}])
    assert fields(apply("two", imagePullSecrets=[{"name": "b"}])) == {".imagePullSecrets"}
    names = [one["name"] for one in apply("two", secrets=[{"name": "b"}]).body["secrets"]]
    assert sorted(names) == ["a", "b"]
