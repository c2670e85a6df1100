"""The three kinds of PATCH body: JSON patch, merge patch and strategic merge patch.

Which lists merge by key is a table by field name, not by type: the names are unique enough over the served kinds.
"""

import copy
from typing import Any

import jsonpatch
from jsonpointer import JsonPointerException

from localcloud.kubernetes.errors import StatusError
from localcloud.kubernetes.objects import Object

MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "imagePullSecrets": "name",
    "secrets": "name",
    "ports": "containerPort",
    "conditions": "type",
    "ownerReferences": "uid",
    "podSets": "name",
    "podSetAssignments": "name",
    "containerStatuses": "name",
}
SETS = ("finalizers",)


def json_patch(thing: Object, operations: Any) -> Object:
    """Apply an RFC 6902 patch; StatusError 422 when an operation does not fit."""
    try:
        patched: Object = jsonpatch.apply_patch(thing, operations)
    except (jsonpatch.JsonPatchException, JsonPointerException) as error:
        message = f"the server rejected our request due to an error in our request: {error}"
        raise StatusError(422, "Invalid", message) from error
    return patched


def merge_patch(value: Any, patch: Any) -> Any:
    """Apply an RFC 7386 patch: null removes, lists replace."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), part)
    return merged


def strategic_patch(value: Any, patch: Any, name: str = "") -> Any:
    """Apply a strategic merge patch: like a merge patch, but keyed lists merge item by item."""
    if isinstance(patch, list):
        return _merge_list(value or [], patch, name)
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {key: part for key, part in patch.items() if key != "$patch"}
    return _merge_mapping(value, patch)


def _merge_mapping(value: Any, patch: Object) -> Object:
    merged = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            merged.pop(key, None)
        else:
            merged[key] = strategic_patch(merged.get(key), part, key)
    return merged


def _merge_list(value: list[Any], patch: list[Any], name: str) -> list[Any]:
    if name in SETS:
        return value + [item for item in patch if item not in value]
    if not is_keyed(patch, name):
        return copy.deepcopy(patch)
    key = MERGE_KEYS[name]
    items = {item[key]: item for item in value}
    for part in patch:
        if part.get("$patch") == "delete":
            items.pop(part[key], None)
        else:
            items[part[key]] = strategic_patch(items.get(part[key]), part)
    return list(items.values())


def is_keyed(items: list[Any], name: str) -> bool:
    """Tell whether a list under this field name merges by key."""
    key = MERGE_KEYS.get(name)
    return key is not None and all(isinstance(item, dict) and key in item for item in items)
