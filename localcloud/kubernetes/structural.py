"""A custom kind's schema at work on an object: unknown fields pruned, defaults filled in.

Everything here is as structural schemas are in apiextensions.k8s.io/v1: what a schema does not name is dropped, unless it says
`x-kubernetes-preserve-unknown-fields`, and a null that has a default and may not be null counts as missing.
"""

import copy
from typing import Any

from localcloud.kubernetes.objects import Object

OF_EVERY_OBJECT = ("apiVersion", "kind", "metadata")
PRESERVE = "x-kubernetes-preserve-unknown-fields"
EMBEDDED = "x-kubernetes-embedded-resource"
INT_OR_STRING = "x-kubernetes-int-or-string"


def prune(schema: Object, thing: Object, unknown: list[str]) -> Object:
    """Give a whole object without fields that its schema does not know; their paths are added to `unknown`."""
    head = {key: thing[key] for key in thing if key in OF_EVERY_OBJECT}
    rest = {key: part for key, part in thing.items() if key not in OF_EVERY_OBJECT}
    return {**head, **_prune_object(schema, rest, "", unknown)}


def _prune(schema: Object, value: Any, path: str, unknown: list[str]) -> Any:
    if isinstance(value, list):
        items = schema.get("items")
        return [_prune(items, item, f"{path}[{i}]", unknown) for i, item in enumerate(value)] if items else value
    if not isinstance(value, dict):
        return value
    head = {key: value[key] for key in value if schema.get(EMBEDDED) and key in OF_EVERY_OBJECT}
    rest = {key: part for key, part in value.items() if key not in head}
    return {**head, **_prune_object(schema, rest, path, unknown)}


def _prune_object(schema: Object, value: Object, path: str, unknown: list[str]) -> Object:
    kept = {}
    for key, part in value.items():
        inner = f"{path}.{key}" if path else key
        found = _schema_of(schema, key)
        if found is not None:
            kept[key] = _prune(found, part, inner, unknown)
        elif schema.get(PRESERVE):
            kept[key] = part
        else:
            unknown.append(inner)
    return kept


def _schema_of(schema: Object, key: str) -> Object | None:
    """The schema of one key; None when the schema knows no such key."""
    found: Object | None = (schema.get("properties") or {}).get(key)
    more = schema.get("additionalProperties")
    if found is not None or not more:
        return found
    return more if isinstance(more, dict) else {PRESERVE: True}


def fill(schema: Object, value: Any) -> Any:
    """Give the value with the defaults of its schema; what is there already stays as it is."""
    if isinstance(value, list):
        return [fill(schema.get("items") or {}, item) for item in value]
    if not isinstance(value, dict):
        return value
    filled = {key: part for key, part in value.items() if not _counts_as_missing(_schema_of(schema, key), part)}
    for key, inner in (schema.get("properties") or {}).items():
        if "default" in inner and key not in filled:
            filled[key] = copy.deepcopy(inner["default"])
    return {key: fill(_schema_of(schema, key) or {}, part) for key, part in filled.items()}


def _counts_as_missing(schema: Object | None, value: Any) -> bool:
    return value is None and schema is not None and "default" in schema and not schema.get("nullable")


def counterpart(schema: Object, item: Any, old: Any) -> Any:
    """Give the item of an old list that has the same keys; None in a list without keys."""
    keys = schema.get("x-kubernetes-list-map-keys") or []
    if not keys or not isinstance(old, list) or not isinstance(item, dict):
        return None
    return next((one for one in old if all(one.get(key) == item.get(key) for key in keys)), None)
