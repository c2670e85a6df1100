"""Label and field selectors, parsed once into a predicate.

A field selector names only the fields a real server indexes; any other field is a 400, never an empty list.
"""

import re
from collections.abc import Callable

from localcloud.kubernetes.errors import bad_request
from localcloud.kubernetes.objects import Object, dig, labels_of
from localcloud.kubernetes.resources import Resource

Predicate = Callable[[Object], bool]
Labels = dict[str, str]
_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<word>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<sign>==|=|!=)\s*(?P<value>[A-Za-z0-9_.\-]*)$")
_EXISTS = re.compile(r"^(?P<no>!?)\s*(?P<key>[^\s!=,()]+)$")
_COMMON_FIELDS = ("metadata.name", "metadata.namespace")
_MORE_FIELDS = {
    "pods": ("spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase"),
    "events": (
        "involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "involvedObject.uid", "reason",
        "source", "type",
    ),
    "jobs.batch": ("status.successful",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
}  # fmt: skip


def by_labels(selector: str) -> Predicate:
    """Parse `a=b,c!=d,e in (f,g),!h`; StatusError 400 when it cannot be read."""
    parts = [part.strip() for part in re.split(r",(?![^(]*\))", selector)]
    tests = [_requirement(part) for part in parts if part]
    return lambda thing: all(test(labels_of(thing)) for test in tests)


def _requirement(part: str) -> Callable[[Labels], bool]:
    if found := _SET.match(part):
        return _membership(found["key"], found["word"], {v.strip() for v in found["values"].split(",")})
    if found := _EQUAL.match(part):
        return _membership(found["key"], "notin" if found["sign"] == "!=" else "in", {found["value"]})
    if found := _EXISTS.match(part):
        key, wanted = found["key"], not found["no"]
        return lambda labels: (key in labels) is wanted
    raise bad_request(f"unable to parse requirement: {part!r}")


def _membership(key: str, word: str, values: set[str]) -> Callable[[Labels], bool]:
    if word == "in":
        return lambda labels: labels.get(key) in values
    return lambda labels: labels.get(key) not in values


def by_label_object(selector: Object | None) -> Predicate:
    """Read a LabelSelector object: None selects nothing, an empty one everything."""
    if selector is None:
        return lambda thing: False
    wanted = selector.get("matchLabels") or {}
    tests = [_expression(e) for e in selector.get("matchExpressions") or []]
    tests += [_membership(key, "in", {value}) for key, value in wanted.items()]
    return lambda thing: all(test(labels_of(thing)) for test in tests)


def _expression(expression: Object) -> Callable[[Labels], bool]:
    key, operator = expression["key"], expression["operator"]
    if operator in ("Exists", "DoesNotExist"):
        return lambda labels: (key in labels) is (operator == "Exists")
    return _membership(key, operator.lower(), set(expression.get("values") or []))


def by_fields(selector: str, resource: Resource) -> Predicate:
    """Parse `metadata.name=x,status.phase!=y`; StatusError 400 for a field that is not indexed."""
    tests = [_field_test(part.strip(), resource) for part in selector.split(",") if part.strip()]
    return lambda thing: all(test(thing) for test in tests)


def _field_test(part: str, resource: Resource) -> Predicate:
    found = re.match(r"^(?P<path>[\w.]+)(?P<sign>==|=|!=)(?P<value>.*)$", part)
    if not found:
        raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    path, value, equal = found["path"], found["value"], found["sign"] != "!="
    if path not in _COMMON_FIELDS + _MORE_FIELDS.get(resource.key, ()):
        raise bad_request(f"field label not supported: {path}")
    return lambda thing: (_field(thing, path) == value) is equal


def _field(thing: Object, path: str) -> str:
    if path == "status.successful":
        return str(dig(thing, "status", "succeeded") or 0)
    if path == "status.phase" and thing["kind"] == "Pod":
        return str(dig(thing, "status", "phase") or "Pending")
    return str(dig(thing, *path.split(".")) or "")
