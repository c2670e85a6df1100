"""Custom kinds for a test: a definition of widgets in a group of the test's own, and one of its objects."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.probe import Json, Probe, Reply, eventually

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
COLUMNS = [
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


class Widgets:
    """The kind Widget of one test; `spec` is the schema of its spec."""

    def __init__(self, probe: Probe, spec: Json) -> None:
        self.probe = probe
        self.group = f"{probe.namespace}.example.com"
        self.name = f"widgets.{self.group}"
        self.path = f"/apis/{self.group}/v1/namespaces/{probe.namespace}/widgets"
        self.spec = spec

    def version(self, name: str = "v1", **more: Any) -> Json:
        status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        schema = {"type": "object", "properties": {"spec": self.spec, "status": status}}
        return {"name": name, "served": True, "storage": name == "v1", "subresources": {"status": {}},
                "additionalPrinterColumns": COLUMNS, "schema": {"openAPIV3Schema": schema}, **more}  # fmt: skip

    def body(self, *versions: Json, **more: Any) -> Json:
        names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wi"]}
        spec = {"group": self.group, "scope": "Namespaced", "names": names, "versions": versions or [self.version()]}
        head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
        return {**head, "metadata": {"name": self.name}, "spec": {**spec, **more}}

    def define(self, *versions: Json, **more: Any) -> Reply:
        return self.probe.post(DEFINITIONS, self.body(*versions, **more))

    def conditions(self) -> dict[str, tuple[str, str]]:
        status = self.probe.get(f"{DEFINITIONS}/{self.name}").body.get("status") or {}
        return {one["type"]: (one["status"], one["reason"]) for one in status.get("conditions") or []}

    def make(self, name: str, query: str = "", **spec: Any) -> Reply:
        body = {"apiVersion": f"{self.group}/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}
        return self.probe.post(self.path + query, body)

    def wrong(self, **spec: Any) -> list[str]:
        """What is wrong with a spec: a line for each cause."""
        reply = self.make("wrong", **spec)
        assert (reply.code, reply.reason) == (422, "Invalid"), reply.body
        return [f"{cause['field']}: {cause['message']}" for cause in reply.body["details"]["causes"]]


@contextmanager
def defined(probe: Probe, spec: Json, *versions: str) -> Iterator[Widgets]:
    """A kind whose definition is established, until the end of the test."""
    found = Widgets(probe, spec)
    made = found.define(*(found.version(name) for name in versions))
    assert made.code == 201, made.body
    eventually(lambda: probe.get(found.path).code == 200)
    yield found
    probe.call("DELETE", f"{DEFINITIONS}/{found.name}")
