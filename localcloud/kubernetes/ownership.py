"""Who owns which field: `metadata.managedFields`, read and written in the FieldsV1 form.

A path is a tuple of FieldsV1 keys (`f:data`, `k:{"name":"c"}`, `v:"x"`), so encoding is only nesting. What is owned as a whole and what item by
item is the kind's to say (shapes.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from localcloud.kubernetes.objects import Object, now
from localcloud.kubernetes.shapes import Shape, keys_of

Path = tuple[str, ...]
_NOT_OWNED = {
    "name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
    "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink",
}  # fmt: skip
_ITEM = "an item of a keyed list"


@dataclass(frozen=True)
class Writer:
    """Who writes, how (Apply or Update), in which version and subresource."""

    manager: str
    operation: str = "Update"
    api_version: str = "v1"
    subresource: str = ""


def leaves(thing: Object, shape: Shape) -> dict[Path, Any]:
    """Give every field that can be owned, with its value."""
    found: dict[Path, Any] = {}
    for key, part in thing.items():
        if key in ("apiVersion", "kind"):
            continue
        owned = {k: v for k, v in part.items() if k not in _NOT_OWNED} if key == "metadata" else part
        if owned or key != "metadata":
            _walk(owned, shape.field(key), (f"f:{key}",), found)
    return found


def _walk(value: Any, shape: Shape, path: Path, found: dict[Path, Any]) -> None:
    if isinstance(value, dict) and value and not shape.is_replaced:
        for key, part in value.items():
            _walk(part, shape.field(key), (*path, f"f:{key}"), found)
    elif isinstance(value, list) and (keys := keys_of(value, shape)):
        for key, item in zip(keys, value, strict=True):
            found[(*path, key)] = item if shape.is_set else _ITEM
            if not shape.is_set:
                _walk(item, shape.item(), (*path, key), found)
    else:
        found[path] = value


def encode(paths: Iterable[Path]) -> Object:
    """Write paths as FieldsV1."""
    tree: Object = {}
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        if path[-1].startswith("k:"):
            node["."] = {}
    return tree


def decode(tree: Object, path: Path = ()) -> set[Path]:
    """Read paths from FieldsV1."""
    if not tree:
        return {path} if path else set()
    found = {path} if "." in tree else set()
    return found.union(*(decode(part, (*path, step)) for step, part in tree.items() if step != "."))


def entries(thing: Object) -> list[Object]:
    """Give the managed-field entries of an object."""
    return thing["metadata"].get("managedFields") or []


def writer_of(entry: Object) -> Writer:
    """Read who an entry belongs to."""
    return Writer(entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", ""))


def is_same(entry: Object, writer: Writer) -> bool:
    """Tell whether an entry belongs to this writer, whatever the API version."""
    found = writer_of(entry)
    return (found.manager, found.operation, found.subresource) == (writer.manager, writer.operation, writer.subresource)


def entry_for(writer: Writer, paths: Iterable[Path]) -> Object:
    """Write one entry."""
    entry = {
        "manager": writer.manager,
        "operation": writer.operation,
        "apiVersion": writer.api_version,
        "time": now(),
        "fieldsType": "FieldsV1",
        "fieldsV1": encode(paths),
    }
    return {**entry, "subresource": writer.subresource} if writer.subresource else entry


def without(found: list[Object], paths: Iterable[Path]) -> list[Object]:
    """Take paths away from every entry; an entry that owns nothing more is dropped."""
    taken = set(paths)
    kept = []
    for entry in found:
        before = decode(entry["fieldsV1"])
        if before - taken == before:
            kept.append(entry)
        elif before - taken:
            kept.append({**entry, "fieldsV1": encode(before - taken)})
    return kept


def record_update(new: Object, old: Object | None, writer: Writer, shape: Shape) -> list[Object]:
    """Give the entries after an update: what changed belongs to the writer and to nobody else."""
    was, now_is = leaves(old, shape) if old else {}, leaves(new, shape)
    changed = {path for path, value in now_is.items() if path not in was or was[path] != value}
    gone = was.keys() - now_is.keys()
    found = entries(old) if old else []
    if not changed and not gone:
        return found
    mine = next((decode(e["fieldsV1"]) for e in found if is_same(e, writer)), set())
    others = without([e for e in found if not is_same(e, writer)], changed | gone)
    kept = (mine - gone) | changed
    return [*others, entry_for(writer, kept)] if kept else others
