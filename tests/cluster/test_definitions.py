"""What any API server makes of a CustomResourceDefinition: a kind that is served, with defaults, pruned, checked by its schema."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.definitions import DEFINITIONS, Widgets, defined
from tests.cluster.probe import APPLY, Probe

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
SPEC = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 99},
        "color": {"type": "string", "default": "red", "enum": ["red", "blue"]},
        "code": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5, "minLength": 2},
        "port": {"x-kubernetes-int-or-string": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "parts": {"type": "array", "maxItems": 2, "items": {
            "type": "object", "properties": {"kind": {"type": "string", "default": "bolt"}}}},
        "maybe": {"type": "string", "nullable": True},
    },
}  # fmt: skip


@pytest.fixture
def widgets(probe: Probe) -> Iterator[Widgets]:
    with defined(probe, SPEC) as found:
        yield found


def test_a_definition_is_accepted_and_established(widgets: Widgets) -> None:
    conditions = widgets.conditions()
    assert conditions["NamesAccepted"] == ("True", "NoConflicts")
    assert conditions["Established"] == ("True", "InitialNamesAccepted")
    body = widgets.probe.get(f"{DEFINITIONS}/{widgets.name}").body
    assert body["status"]["acceptedNames"]["listKind"] == "WidgetList"
    assert body["status"]["storedVersions"] == ["v1"]
    assert widgets.name in widgets.probe.get(DEFINITIONS).names


def test_a_definition_adds_its_kind_to_discovery(widgets: Widgets) -> None:
    groups = {group["name"] for group in widgets.probe.get("/apis").body["groups"]}
    found = {entry["name"]: entry for entry in widgets.probe.get(f"/apis/{widgets.group}/v1").body["resources"]}
    assert widgets.group in groups
    assert (found["widgets"]["kind"], found["widgets"]["shortNames"]) == ("Widget", ["wi"])
    assert "widgets/status" in found


def test_a_definition_adds_its_schema_to_openapi(widgets: Widgets, eventually: Any) -> None:
    path = f"apis/{widgets.group}/v1"
    entry = eventually(lambda: widgets.probe.get("/openapi/v3").body["paths"].get(path))
    schemas = widgets.probe.get(entry["serverRelativeURL"]).body["components"]["schemas"].values()
    gvk = {"group": widgets.group, "kind": "Widget", "version": "v1"}
    (schema,) = [one for one in schemas if gvk in one.get("x-kubernetes-group-version-kind", [])]
    assert schema["properties"]["spec"]["properties"]["size"]["minimum"] == 1


def test_columns_of_a_definition_are_those_of_its_table(widgets: Widgets) -> None:
    widgets.make("a", size=7)
    status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    widgets.probe.patch(f"{widgets.path}/a/status", status)
    table = widgets.probe.call("GET", widgets.path, Accept=TABLE).body
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size", "Ready", "Age"]
    assert table["rows"][0]["cells"][:3] == ["a", 7, "True"]
    assert table["rows"][0]["cells"][3].endswith("s")


def test_a_new_object_gets_its_defaults(widgets: Widgets) -> None:
    made = widgets.make("a", size=2, parts=[{}]).body
    assert made["spec"] == {"size": 2, "color": "red", "parts": [{"kind": "bolt"}]}
    assert made["metadata"]["generation"] == 1


def test_unknown_fields_are_pruned_but_where_the_schema_preserves_them(widgets: Widgets) -> None:
    made = widgets.make("a", size=1, junk=1, parts=[{"junk": 1}], free={"any": {"thing": 1}}, labels={"k": "v"}).body
    assert "junk" not in made["spec"]
    assert "junk" not in made["spec"]["parts"][0]
    assert (made["spec"]["free"], made["spec"]["labels"]) == ({"any": {"thing": 1}}, {"k": "v"})


def test_strict_validation_names_every_unknown_field(widgets: Widgets) -> None:
    reply = widgets.make("a", "?fieldValidation=Strict", size=1, junk=1, parts=[{"more": 1}])
    assert (reply.code, reply.reason) == (400, "BadRequest")
    assert 'unknown field "spec.junk"' in reply.body["message"]
    assert 'unknown field "spec.parts[0].more"' in reply.body["message"]


@pytest.mark.parametrize(("spec", "wrong"), [
    ({}, "spec.size: Required value"),
    ({"size": 0}, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
    ({"size": 100}, "spec.size: Invalid value: 100: spec.size in body should be less than or equal to 99"),
    ({"size": "x"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
    ({"size": 1, "color": "pink"}, 'spec.color: Unsupported value: "pink": supported values: "red", "blue"'),
    ({"size": 1, "code": "A1"}, "spec.code: Invalid value: \"A1\": spec.code in body should match '^[a-z]+$'"),
    ({"size": 1, "code": "a"}, 'spec.code: Invalid value: "a": spec.code in body should be at least 2 chars long'),
    ({"size": 1, "port": True},
     'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"'),
    ({"size": 1, "labels": {"k": 1}},
     'spec.labels.k: Invalid value: "integer": spec.labels.k in body must be of type string: "integer"'),
    ({"size": 1, "parts": [{"kind": 1}]},
     'spec.parts[0].kind: Invalid value: "integer": spec.parts[0].kind in body must be of type string: "integer"'),
    ({"size": 1, "parts": [{}, {}, {}]}, "spec.parts: Too many: 3: must have at most 2 items"),
])  # fmt: skip
def test_what_the_schema_does_not_allow_is_invalid(widgets: Widgets, spec: dict[str, Any], wrong: str) -> None:
    assert wrong in widgets.wrong(**spec)


def test_a_text_that_is_too_long_is_invalid(widgets: Widgets) -> None:
    assert widgets.wrong(size=1, code="abcdef")[0].startswith("spec.code: Too long: ")


def test_what_the_schema_allows_is_kept(widgets: Widgets) -> None:
    spec: dict[str, Any] = {"size": 99, "color": "blue", "code": "ab", "port": "http", "maybe": None}
    assert widgets.make("a", **spec).body["spec"] == spec
    assert widgets.make("b", size=1, port=80).body["spec"]["port"] == 80


def test_a_change_is_checked_as_well(widgets: Widgets) -> None:
    widgets.make("a", size=1)
    assert widgets.probe.patch(f"{widgets.path}/a", {"spec": {"size": 0}}).code == 422
    changed = widgets.probe.patch(f"{widgets.path}/a", {"spec": {"size": 2}}).body
    assert (changed["spec"]["size"], changed["metadata"]["generation"]) == (2, 2)


def test_the_status_is_a_subresource(widgets: Widgets) -> None:
    widgets.make("a", size=1)
    path = f"{widgets.path}/a"
    assert "status" not in widgets.probe.patch(path, {"status": {"phase": "No"}}).body
    changed = widgets.probe.patch(f"{path}/status", {"status": {"phase": "Yes"}, "spec": {"size": 9}}).body
    assert (changed["status"], changed["spec"]["size"]) == ({"phase": "Yes"}, 1)
    assert changed["metadata"]["generation"] == 1


def test_a_custom_kind_takes_no_strategic_patch(widgets: Widgets) -> None:
    widgets.make("a", size=1)
    reply = widgets.probe.patch(f"{widgets.path}/a", {"spec": {}}, "application/strategic-merge-patch+json")
    assert reply.code == 415


def test_a_custom_object_is_applied_on_the_server(widgets: Widgets) -> None:
    body = {"apiVersion": f"{widgets.group}/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 1}}
    path = f"{widgets.path}/a?fieldManager="
    assert widgets.probe.patch(f"{path}one", body, APPLY).code == 201
    assert widgets.probe.patch(f"{path}two", {**body, "spec": {"size": 2}}, APPLY).code == 409


def test_custom_objects_are_listed_and_watched(widgets: Widgets) -> None:
    widgets.make("a", size=1)
    listed = widgets.probe.get(widgets.path)
    assert (listed.body["kind"], listed.names) == ("WidgetList", ["a"])
    since = listed.body["metadata"]["resourceVersion"]
    widgets.probe.call("DELETE", f"{widgets.path}/a")
    told = [(e["type"], e["object"]["kind"]) for e in widgets.probe.watch(f"{widgets.path}?resourceVersion={since}")]
    assert told == [("DELETED", "Widget")]


def test_every_served_version_gives_every_object(probe: Probe) -> None:
    with defined(probe, SPEC, "v1", "v1beta1") as widgets:
        widgets.make("a", size=1)
        older = widgets.path.replace("/v1/", "/v1beta1/", 1)
        assert probe.get(f"{older}/a").body["apiVersion"] == f"{widgets.group}/v1beta1"
        body = {
            "apiVersion": f"{widgets.group}/v1beta1",
            "kind": "Widget",
            "metadata": {"name": "b"},
            "spec": {"size": 2},
        }
        assert probe.post(older, body).body["apiVersion"] == f"{widgets.group}/v1beta1"
        assert probe.get(f"{widgets.path}/b").body["apiVersion"] == f"{widgets.group}/v1"
        group = probe.get(f"/apis/{widgets.group}").body
        assert group["preferredVersion"]["version"] == "v1"


def test_a_deleted_definition_takes_its_objects_along(widgets: Widgets, eventually: Any) -> None:
    probe, path = widgets.probe, f"{widgets.path}/a"
    widgets.make("a", size=1)
    probe.patch(path, {"metadata": {"finalizers": ["example.com/wait"]}})
    probe.call("DELETE", f"{DEFINITIONS}/{widgets.name}")
    eventually(lambda: "deletionTimestamp" in probe.get(path).body["metadata"])
    assert probe.get(f"{DEFINITIONS}/{widgets.name}").code == 200
    reply = widgets.make("b", size=1)
    assert (reply.code, reply.reason) == (405, "MethodNotAllowed")
    probe.patch(path, {"metadata": {"finalizers": None}})
    eventually(lambda: probe.get(f"{DEFINITIONS}/{widgets.name}").code == 404)
    eventually(lambda: probe.get(widgets.path).code == 404)


def test_a_deleted_namespace_takes_custom_objects_along(widgets: Widgets, eventually: Any) -> None:
    widgets.make("a", size=1)
    widgets.probe.call("DELETE", f"/api/v1/namespaces/{widgets.probe.namespace}")
    eventually(lambda: widgets.probe.get(f"{widgets.path}/a").code == 404)


def test_names_that_another_definition_has_are_not_accepted(widgets: Widgets, eventually: Any) -> None:
    other = widgets.body()
    other["metadata"]["name"] = f"gadgets.{widgets.group}"
    other["spec"]["names"] = {"plural": "gadgets", "kind": "Widget"}
    assert widgets.probe.post(DEFINITIONS, other).code == 201
    path = f"{DEFINITIONS}/gadgets.{widgets.group}"
    found = eventually(lambda: (widgets.probe.get(path).body.get("status") or {}).get("conditions"))
    conditions = {one["type"]: (one["status"], one["reason"], one["message"]) for one in found}
    accepted = widgets.probe.get(path).body["status"]["acceptedNames"]
    widgets.probe.call("DELETE", path)
    assert conditions["NamesAccepted"] == ("False", "ListKindConflict", '"WidgetList" is already in use')
    assert conditions["Established"] == ("False", "NotAccepted", "not all names are accepted")
    assert accepted["plural"] == "gadgets"
    assert widgets.probe.get(widgets.path.replace("widgets", "gadgets")).code == 404


@pytest.mark.parametrize(("change", "field"), [
    ({"scope": "Galaxy"}, "spec.scope"),
    ({"group": "other.example.com"}, "metadata.name"),
    ({"versions": []}, "spec.versions"),
])  # fmt: skip
def test_a_definition_that_makes_no_sense_is_invalid(probe: Probe, change: dict[str, Any], field: str) -> None:
    reply = Widgets(probe, SPEC).define(**change)
    assert reply.code == 422
    assert field in [cause["field"] for cause in reply.body["details"]["causes"]]


@pytest.mark.parametrize(("spec", "field", "words"), [
    ({"properties": {}}, "properties[spec].type", "Required value: must not be empty for specified object fields"),
    ({"type": "array"}, "properties[spec].items", "Required value: must be specified"),
    ({"type": "integer", "default": "x"}, "properties[spec].default", "must be of type integer"),
    ({"type": "array", "uniqueItems": True, "items": {"type": "string"}}, "properties[spec].uniqueItems", "Forbidden"),
])  # fmt: skip
def test_a_schema_must_be_structural(probe: Probe, spec: dict[str, Any], field: str, words: str) -> None:
    reply = Widgets(probe, spec).define()
    assert reply.code == 422
    found = {
        cause["field"].partition("openAPIV3Schema.")[2]: cause["message"] for cause in reply.body["details"]["causes"]
    }
    assert words in found[field]


@pytest.mark.parametrize(("change", "code", "field"), [
    ({"name": ""}, 422, "spec.versions[0].name"),
    ({"schema": None}, 422, "spec.versions[0].schema.openAPIV3Schema"),
    ({"additionalPrinterColumns": [{"name": "x"}]}, 422, "spec.additionalPrinterColumns[0].type"),
    ({"schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "array", "items": {"type": 5}}}}}}, 400, ""),
])  # fmt: skip
def test_a_version_that_says_too_little_or_nonsense_is_refused(
    probe: Probe, change: dict[str, Any], code: int, field: str
) -> None:
    widgets = Widgets(probe, SPEC)
    reply = widgets.define(widgets.version(**change))
    assert reply.code == code, reply.body
    causes = (reply.body.get("details") or {}).get("causes") or []
    assert field in [cause["field"] for cause in causes] or code == 400


def test_scope_and_names_of_an_established_definition_stay(widgets: Widgets) -> None:
    reply = widgets.probe.patch(f"{DEFINITIONS}/{widgets.name}", {"spec": {"scope": "Cluster"}})
    assert (reply.code, [cause["field"] for cause in reply.body["details"]["causes"]]) == (422, ["spec.scope"])


def test_what_a_changed_schema_forbids_may_stay_until_it_is_changed(widgets: Widgets, eventually: Any) -> None:
    widgets.make("a", size=9, color="red")
    rule = {"rule": "self != 'red'", "message": "no red"}
    color = {"type": "string", "maxLength": 9, "x-kubernetes-validations": [rule]}
    widgets.spec = {"type": "object", "properties": {"size": {"type": "integer", "maximum": 5}, "color": color}}
    widgets.probe.patch(f"{DEFINITIONS}/{widgets.name}", {"spec": {"versions": [widgets.version()]}})
    eventually(lambda: widgets.make("x", "?dryRun=All", size=9).code == 422)
    path = f"{widgets.path}/a"
    assert widgets.probe.patch(path, {"metadata": {"labels": {"k": "v"}}}).code == 200
    reply = widgets.probe.patch(path, {"spec": {"size": 8}})
    assert [cause["field"] for cause in reply.body["details"]["causes"]] == ["spec.size"]
    assert widgets.probe.patch(path, {"spec": {"size": 5}}).body["spec"] == {"size": 5, "color": "red"}


def test_a_changed_schema_holds_from_then_on(widgets: Widgets, eventually: Any) -> None:
    widgets.spec = {"type": "object", "properties": {"size": {"type": "integer", "maximum": 5}}}
    widgets.probe.patch(f"{DEFINITIONS}/{widgets.name}", {"spec": {"versions": [widgets.version()]}})
    eventually(lambda: widgets.make("x", "?dryRun=All", size=9).code == 422)
