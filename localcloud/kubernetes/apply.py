"""Server-side apply: merge what a manager declares, refuse what another manager owns, drop what it no longer declares."""

import copy
import json
from collections.abc import Iterable
from typing import Any

from localcloud.kubernetes.errors import StatusError
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.ownership import (
    Path,
    Writer,
    decode,
    entries,
    entry_for,
    is_same,
    leaves,
    without,
    writer_of,
)
from localcloud.kubernetes.shapes import Shape, keys_of

Clash = tuple[Writer, str, Path]


def apply(live: Object, declared: Object, writer: Writer, shape: Shape, *, force: bool) -> Object:
    """Give the merged object with new managed fields; StatusError 409 with one cause per field owned by another."""
    wanted, present = leaves(declared, shape), leaves(live, shape)
    changed = {path for path, value in wanted.items() if path not in present or present[path] != value}
    clashes = _clashes(live, changed, writer)
    if clashes and not force:
        raise _refusal(clashes)
    merged = _merge(live, declared, _dropped(live, set(wanted), writer), shape)
    merged["metadata"]["managedFields"] = _entries(live, set(wanted), changed, writer)
    return merged


def _clashes(live: Object, changed: set[Path], writer: Writer) -> list[Clash]:
    others = [entry for entry in entries(live) if not is_same(entry, writer)]
    return [
        (writer_of(entry), entry.get("time", ""), path)
        for entry in others
        for path in sorted(decode(entry["fieldsV1"]) & changed)
    ]


def _refusal(clashes: list[Clash]) -> StatusError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {_who(owner, time)}", "field": readable(path)}
        for owner, time, path in clashes
    ]
    word = "conflict" if len(clashes) == 1 else "conflicts"
    message = f"Apply failed with {len(clashes)} {word}: {_listed(clashes)}"
    return StatusError(409, "Conflict", message, {"causes": causes})


def _listed(clashes: list[Clash]) -> str:
    if len(clashes) == 1:
        owner, time, path = clashes[0]
        return f"conflict with {_who(owner, time)}: {readable(path)}"
    by_owner: dict[str, list[str]] = {}
    for owner, time, path in clashes:
        by_owner.setdefault(_who(owner, time), []).append(f"- {readable(path)}")
    return "\n".join(line for who, paths in by_owner.items() for line in (f"conflicts with {who}:", *paths))


def _who(writer: Writer, time: str) -> str:
    subresource = f' with subresource "{writer.subresource}"' if writer.subresource else ""
    version = f" using {writer.api_version} at {time}" if writer.operation == "Update" else ""
    return f'"{writer.manager}"{subresource}{version}'


def readable(path: Path) -> str:
    """Write a path as the API does: `.spec.containers[name="c"].image`."""
    return "".join(_readable_step(step) for step in path)


def _readable_step(step: str) -> str:
    if step.startswith("f:"):
        return f".{step[2:]}"
    if step.startswith("v:"):
        return f"[={step[2:]}]"
    listed = ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(step[2:]).items())
    return f"[{listed}]"


def _dropped(live: Object, wanted: set[Path], writer: Writer) -> set[Path]:
    mine = {path for e in entries(live) if is_same(e, writer) for path in decode(e["fieldsV1"])}
    others = {path for e in entries(live) if not is_same(e, writer) for path in decode(e["fieldsV1"])}
    return mine - wanted - others


def _merge(live: Object, declared: Object, dropped: Iterable[Path], shape: Shape) -> Object:
    merged = copy.deepcopy(live)
    for path in sorted(dropped, key=len):
        _drop(merged, path, shape)
    body = {key: part for key, part in declared.items() if key not in ("apiVersion", "kind")}
    result: Object = _merged(merged, body, shape)
    return result


def _merged(value: Any, declared: Any, shape: Shape) -> Any:
    """Give a value with what is declared of it; a null takes a field away."""
    if isinstance(declared, dict) and not shape.is_replaced:
        found = dict(value) if isinstance(value, dict) else {}
        for key, part in declared.items():
            found[key] = None if part is None else _merged(found.get(key), part, shape.field(key))
        return {key: part for key, part in found.items() if part is not None}
    if isinstance(declared, list) and isinstance(value, list):
        return _merged_list(value, declared, shape)
    return copy.deepcopy(declared)


def _merged_list(value: list[Any], declared: list[Any], shape: Shape) -> list[Any]:
    before, keys = keys_of(value, shape), keys_of(declared, shape)
    if not keys or len(before) < len(value):
        return copy.deepcopy(declared)
    items = dict(zip(before, value, strict=True))
    for key, part in zip(keys, declared, strict=True):
        items[key] = _merged(items.get(key), part, shape.item())
    return list(items.values())


def _drop(value: Any, path: Path, shape: Shape) -> None:
    step, rest = path[0], path[1:]
    if step.startswith("f:"):
        _drop_field(value, step[2:], rest, shape)
    elif isinstance(value, list) and step in (keys := keys_of(value, shape)):
        item = value[keys.index(step)]
        if rest:
            _drop(item, rest, shape.item())
        if not rest or not item:
            value.remove(item)


def _drop_field(value: Any, key: str, rest: Path, shape: Shape) -> None:
    if not isinstance(value, dict) or key not in value:
        return
    if rest:
        _drop(value[key], rest, shape.field(key))
    if not rest or value[key] in ({}, []):
        del value[key]


def _entries(live: Object, wanted: set[Path], changed: set[Path], writer: Writer) -> list[Object]:
    others = without([entry for entry in entries(live) if not is_same(entry, writer)], changed)
    mine = next((entry for entry in entries(live) if is_same(entry, writer)), None)
    if mine is not None and not changed and decode(mine["fieldsV1"]) == wanted:
        return list(entries(live))  # in their order: the same again is no write
    return [*others, entry_for(writer, wanted)]
