"""What is wrong with a value by its schema, in the words of a real API server (kube-openapi's, as apiextensions repeats them).

What did not change is not judged again (ratcheting): an object that a schema has overtaken can still be changed elsewhere.
`format` is checked for the formats that the standard library can read; the others are notes for people.
"""

import ipaddress
import json
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from localcloud.kubernetes import structural
from localcloud.kubernetes.errors import Cause
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.structural import INT_OR_STRING

_BLOCKING = ("FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany",
             "FieldValueTypeInvalid")  # fmt: skip
_FORMATS: dict[str, Callable[[str], object]] = {
    "cidr": ipaddress.ip_network, "date": date.fromisoformat, "date-time": datetime.fromisoformat,
    "ipv4": ipaddress.IPv4Address, "ipv6": ipaddress.IPv6Address, "uuid": uuid.UUID,
}  # fmt: skip


def shown(value: Any) -> str:
    """Write a value as the API quotes it in a message."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def blocks_rules(causes: list[Cause]) -> bool:
    """Tell whether a value is so wrong that rules written in CEL are not asked."""
    return any(cause.reason in _BLOCKING for cause in causes)


def causes(schema: Object, value: Any, path: str, old: Any = None) -> Iterator[Cause]:
    """Give everything wrong with a value; `old` is what stood in its place, None where nothing did."""
    if (value is None and schema.get("nullable")) or (old is not None and value == old):
        return
    if wrong := _type_cause(schema, value, path):
        yield wrong
        return
    yield from _enum_causes(schema, value, path)
    for kind, check in _CHECKS:
        if isinstance(value, kind) and not isinstance(value, bool):
            yield from check(schema, value, path, old)
    yield from _composite_causes(schema, value, path)


def type_name(value: Any) -> str:
    """Give the name that a schema has for the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    names = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _type_cause(schema: Object, value: Any, path: str) -> Cause | None:
    wanted = ["integer", "string"] if schema.get(INT_OR_STRING) else [schema["type"]] if schema.get("type") else []
    found = type_name(value)
    if not wanted or found in wanted or (found == "integer" and "number" in wanted):
        return None
    why = f'{path} in body must be of type {",".join(wanted)}: "{found}"'
    return Cause(path, f'Invalid value: "{found}": {why}', "FieldValueTypeInvalid")


def _enum_causes(schema: Object, value: Any, path: str) -> Iterator[Cause]:
    allowed = schema.get("enum")
    if allowed and value not in allowed:
        listed = ", ".join(shown(one if isinstance(one, str) else shown(one)) for one in allowed)
        yield Cause(path, f"Unsupported value: {shown(value)}: supported values: {listed}", "FieldValueNotSupported")


def _number_causes(schema: Object, value: float, path: str, _: Any) -> Iterator[Cause]:
    low, high, step = (schema.get(key) for key in ("minimum", "maximum", "multipleOf"))
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and (value <= low if above else value < low):
        yield _invalid(path, value, f"should be greater than {'' if above else 'or equal to '}{low}")
    if high is not None and (value >= high if below else value > high):
        yield _invalid(path, value, f"should be less than {'' if below else 'or equal to '}{high}")
    if step and value % step:
        yield _invalid(path, value, f"should be a multiple of {step}")


def _invalid(path: str, value: Any, why: str) -> Cause:
    return Cause(path, f"Invalid value: {shown(value)}: {path} in body {why}")


def _text_causes(schema: Object, value: str, path: str, _: Any) -> Iterator[Cause]:
    most, least = schema.get("maxLength"), schema.get("minLength")
    if most is not None and len(value) > most:
        yield Cause(path, f"Too long: may not be more than {most} bytes", "FieldValueTooLong")
    if least is not None and len(value) < least:
        yield _invalid(path, value, f"should be at least {least} chars long")
    pattern = schema.get("pattern")
    if pattern and not re.search(pattern, value):
        yield _invalid(path, value, f"should match '{pattern}'")
    if not _has_format(schema.get("format", ""), value):
        yield _invalid(path, value, f"must be of type {schema['format']}: {shown(value)}")


def _has_format(name: str, value: str) -> bool:
    try:
        _FORMATS.get(name, str)(value)
    except ValueError:
        return False
    return True


def _list_causes(schema: Object, value: list[Any], path: str, old: Any) -> Iterator[Cause]:
    yield from _size_causes(schema, len(value), path, "Items", "items")
    for index, item in enumerate(value):
        yield from causes(
            schema.get("items") or {}, item, f"{path}[{index}]", structural.counterpart(schema, item, old)
        )
    keys = [_key(schema, item) for item in value] if schema.get("x-kubernetes-list-type") in ("set", "map") else []
    for index, key in enumerate(keys):
        if key in keys[:index]:
            yield Cause(f"{path}[{index}]", f"Duplicate value: {shown(key)}", "FieldValueDuplicate")


def _key(schema: Object, item: Any) -> Any:
    names = schema.get("x-kubernetes-list-map-keys") or []
    return {name: item.get(name) for name in names} if names and isinstance(item, dict) else item


def _size_causes(schema: Object, size: int, path: str, word: str, noun: str) -> Iterator[Cause]:
    most, least = schema.get(f"max{word}"), schema.get(f"min{word}")
    if most is not None and size > most:
        yield Cause(path, f"Too many: {size}: must have at most {most} items", "FieldValueTooMany")
    if least is not None and size < least:
        yield _invalid(path, size, f"should have at least {least} {noun}")


def _object_causes(schema: Object, value: Object, path: str, old: Any) -> Iterator[Cause]:
    yield from _size_causes(schema, len(value), path, "Properties", "properties")
    for key in schema.get("required") or []:
        if key not in value:
            yield Cause(_inner(path, key), "Required value", "FieldValueRequired")
    properties, more = schema.get("properties") or {}, schema.get("additionalProperties")
    for key, part in value.items():
        inner = properties.get(key, more)
        if isinstance(inner, dict):
            yield from causes(inner, part, _inner(path, key), old.get(key) if isinstance(old, dict) else None)


def _inner(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _composite_causes(schema: Object, value: Any, path: str) -> Iterator[Cause]:
    if "not" in schema and not list(causes(schema["not"], value, path)):
        yield _composite(path, "must not validate the schema (not)")
    if schema.get("anyOf") and not _matches(schema["anyOf"], value, path):
        yield _composite(path, "must validate at least one schema (anyOf)")
    if schema.get("oneOf") and (found := _matches(schema["oneOf"], value, path)) != 1:
        many = f"Found {found} valid alternatives" if found else "Found none valid"
        yield _composite(path, f"must validate one and only one schema (oneOf). {many}")
    wrong = [cause for part in schema.get("allOf") or [] for cause in causes(part, value, path)]
    if wrong:
        yield _composite(path, "must validate all the schemas (allOf)")
        yield from wrong


def _matches(schemas: list[Object], value: Any, path: str) -> int:
    return sum(not list(causes(one, value, path)) for one in schemas)


def _composite(path: str, why: str) -> Cause:
    return Cause("<nil>", f'Invalid value: "": "{path}" {why}')


_CHECKS: tuple[tuple[Any, Callable[[Object, Any, str, Any], Iterator[Cause]]], ...] = (
    ((int, float), _number_causes),
    (str, _text_causes),
    (list, _list_causes),
    (dict, _object_causes),
)
