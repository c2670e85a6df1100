"""What any API server makes of rules in CEL in a definition's schema. Before Kubernetes 1.35 messages show a value's type and not the value."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.definitions import Widgets, defined
from tests.cluster.probe import Probe

SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer"},
        "color": {"type": "string", "maxLength": 20, "x-kubernetes-validations": [
            {"rule": "self == oldSelf", "message": "a color stays"}]},
        "ratio": {"type": "number", "x-kubernetes-validations": [{"rule": "self * 2.0 <= 1.0"}]},
        "foo-bar": {"type": "integer"},
        "names": {"type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 20, "x-kubernetes-validations": [
            {"rule": "self.startsWith('x')", "message": "starts with x", "reason": "FieldValueForbidden"}]}},
        "parts": {"type": "array", "maxItems": 5, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                  "items": {"type": "object", "required": ["name"],
                            "properties": {"name": {"type": "string"}, "weight": {"type": "integer"}},
                            "x-kubernetes-validations": [
                                {"rule": "self.weight >= oldSelf.weight", "message": "no part loses weight"}]}},
    },
    "x-kubernetes-validations": [
        {"rule": "self.size < 100 || self.color == 'blue'", "message": "big must be blue"},
        {"rule": "!has(self.foo__dash__bar) || self.foo__dash__bar > self.size",
         "messageExpression": "'foo-bar must be over ' + string(self.size)"},
        {"rule": "!has(self.names) || self.names.isSorted()", "message": "unsorted", "fieldPath": ".names"},
    ],
}  # fmt: skip


@pytest.fixture
def widgets(probe: Probe) -> Iterator[Widgets]:
    with defined(probe, SPEC) as found:
        yield found


@pytest.mark.parametrize(("spec", "wrong"), [
    ({"size": 200, "color": "red"}, 'spec: Invalid value: ("object": )?big must be blue'),
    ({"size": 5, "foo-bar": 5}, 'spec: Invalid value: ("object": )?foo-bar must be over 5'),
    ({"size": 5, "names": ["xb", "xa"]}, r'spec\.names: Invalid value: ("object": )?unsorted'),
    ({"size": 5, "names": ["a"]}, r"spec\.names\[0\]: Forbidden: starts with x"),
    ({"size": 5, "ratio": 1}, r'spec\.ratio: Invalid value: (1|"number"): failed rule: self \* 2\.0 <= 1\.0'),
])  # fmt: skip
def test_a_rule_that_does_not_hold_is_a_cause(widgets: Widgets, spec: dict[str, Any], wrong: str) -> None:
    (line,) = widgets.wrong(**spec)
    assert re.fullmatch(wrong, line)


def test_what_the_rules_allow_is_kept(widgets: Widgets) -> None:
    spec: dict[str, Any] = {"size": 200, "color": "blue", "ratio": 0.5, "names": ["xa", "xb"], "foo-bar": 201}
    assert widgets.make("a", **spec).body["spec"] == spec


def test_a_rule_about_what_is_missing_says_so(widgets: Widgets) -> None:
    (wrong,) = widgets.wrong(size=200)
    assert re.fullmatch('spec: Invalid value: ("object": )?no such key: color evaluating rule: big must be blue', wrong)


def test_rules_are_not_asked_of_what_the_schema_forbids(widgets: Widgets) -> None:
    required, unasked = widgets.wrong(color="red")
    assert required == "spec.size: Required value"
    assert unasked.replace('"null"', "null") == (
        "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
        "correct the existing errors to complete validation"
    )


def test_a_rule_about_a_change_compares_with_what_was(widgets: Widgets) -> None:
    widgets.make("a", size=1, color="red", parts=[{"name": "p", "weight": 5}])
    path = f"{widgets.path}/a"
    reply = widgets.probe.patch(path, {"spec": {"color": "blue"}})
    assert (reply.code, reply.body["details"]["causes"][0]["field"]) == (422, "spec.color")
    assert re.search(r'spec\.color: Invalid value: "(blue|string)": a color stays$', reply.body["message"])
    assert widgets.probe.patch(path, {"spec": {"size": 2}}).code == 200
    lighter = [{"name": "q", "weight": 1}, {"name": "p", "weight": 4}]
    reply = widgets.probe.patch(path, {"spec": {"parts": lighter}})
    assert [cause["field"] for cause in reply.body["details"]["causes"]] == ["spec.parts[1]"]
    heavier = [{"name": "q", "weight": 1}, {"name": "p", "weight": 6}]
    assert widgets.probe.patch(path, {"spec": {"parts": heavier}}).code == 200


def test_a_color_that_was_not_there_may_come(widgets: Widgets) -> None:
    widgets.make("a", size=1)
    assert widgets.probe.patch(f"{widgets.path}/a", {"spec": {"color": "red"}}).code == 200


@pytest.mark.parametrize("rule", ["self.size <", "size > 1", "self.size.nothing()"])
def test_a_rule_that_cannot_be_asked_is_refused_with_its_definition(probe: Probe, rule: str) -> None:
    spec = {"type": "object", "properties": {"size": {"type": "integer"}}, "x-kubernetes-validations": [{"rule": rule}]}
    reply = Widgets(probe, spec).define()
    (cause,) = reply.body["details"]["causes"]
    assert reply.code == 422
    assert cause["field"].endswith("properties[spec].x-kubernetes-validations[0].rule")
    assert "compilation failed" in cause["message"]


def test_an_item_of_a_list_without_keys_has_no_old_self(probe: Probe) -> None:
    items = {"type": "string", "maxLength": 9, "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}
    spec = {"type": "object", "properties": {"names": {"type": "array", "maxItems": 5, "items": items}}}
    reply = Widgets(probe, spec).define()
    assert reply.code == 422
    assert "oldSelf cannot be used on the uncorrelatable portion" in reply.body["message"]
