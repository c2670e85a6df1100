"""How the fields of a kind are owned and merged: by its definition's schema, or by the client's models where it is built in.

Three things matter: whether a value is owned and replaced as a whole, whether a list is a set, and which keys tell the items of a list apart.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from kubernetes.client import models

from localcloud.kubernetes.list_types import KEY_DEFAULTS, KUEUE_SCHEMAS, LISTS, MERGED, MODEL, REPLACED, SET
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.resources import KUEUE, Resource
from localcloud.kubernetes.schema import DICT_OF, LIST_OF, MODEL_NAMES


class Shape(Protocol):
    """What is known of one value."""

    @property
    def is_replaced(self) -> bool:
        """Tell whether a map is owned as a whole."""

    @property
    def is_set(self) -> bool:
        """Tell whether a list is a set."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Give what tells the items of a list apart; none in a list that is owned as a whole."""

    def field(self, name: str) -> "Shape":
        """Give the shape of one field of a map."""

    def item(self) -> "Shape":
        """Give the shape of a list's items."""

    def default(self, key: str) -> Any:
        """Give what a field of this map is when it is left out, if it is a key."""


@dataclass(frozen=True)
class OfModel:
    """A value of a type of the client's: a model, `list[...]`, `dict[str, ...]` or a scalar; `keys` are those of a list."""

    kind: str
    keys: tuple[str, ...] = ()
    is_set: bool = False
    is_replaced: bool = False

    def field(self, name: str) -> Shape:
        """Give the shape of one field of a map."""
        found = DICT_OF.match(self.kind)
        return OfModel(found[1]) if found else _field(self.kind, name)

    def item(self) -> Shape:
        """Give the shape of a list's items."""
        found = LIST_OF.match(self.kind)
        return OfModel(found[1]) if found else UNKNOWN

    def default(self, key: str) -> Any:
        """Give what a key is when it is left out."""
        return KEY_DEFAULTS.get((_short(self.kind), key))


def _short(kind: str) -> str:
    return kind.removeprefix("Core").removeprefix("V1")


@cache
def _field(kind: str, name: str) -> Shape:
    model = getattr(models, kind, None)
    kinds = {model.attribute_map[one]: inner for one, inner in model.openapi_types.items()} if model else {}
    if name not in kinds:
        return UNKNOWN
    inner, how = kinds[name], LISTS.get(_short(kind), {}).get(name, "")
    replaced = _short(inner) in REPLACED and (_short(kind), name) not in MERGED
    return OfModel(inner, tuple(how or ()), is_set=how == SET, is_replaced=replaced or how is None)


@dataclass(frozen=True)
class OfSchema:
    """A value that a structural schema describes; of one that it does not, maps merge and lists are replaced."""

    schema: Object

    @property
    def is_replaced(self) -> bool:
        """Tell whether a map is owned as a whole."""
        return self.schema.get("x-kubernetes-map-type") == "atomic"

    @property
    def is_set(self) -> bool:
        """Tell whether a list is a set."""
        return self.schema.get("x-kubernetes-list-type") == "set"

    @property
    def keys(self) -> tuple[str, ...]:
        """Give what tells the items of a list apart."""
        is_map = self.schema.get("x-kubernetes-list-type") == "map"
        return tuple(self.schema.get("x-kubernetes-list-map-keys") or ()) if is_map else ()

    def field(self, name: str) -> Shape:
        """Give the shape of one field of a map."""
        more = self.schema.get("additionalProperties")
        found = (self.schema.get("properties") or {}).get(name, more if isinstance(more, dict) else {})
        return OfModel(found[MODEL]) if MODEL in found else OfSchema(found)

    def item(self) -> Shape:
        """Give the shape of a list's items."""
        return OfSchema(self.schema.get("items") or {})

    def default(self, key: str) -> Any:
        """Give what a key is when it is left out."""
        return ((self.schema.get("properties") or {}).get(key) or {}).get("default")


UNKNOWN = OfSchema({})


def shape_of(resource: Resource) -> Shape:
    """Give the shape of a kind's objects in the version in which they are stored."""
    metadata = {"metadata": {MODEL: "V1ObjectMeta"}}
    if resource.definition is not None:
        schema = resource.at(resource.versions[0])["schema"]["openAPIV3Schema"]
        return OfSchema({**schema, "properties": {**(schema.get("properties") or {}), **metadata}})
    if resource.group == KUEUE:
        return OfSchema({"properties": {**KUEUE_SCHEMAS.get(resource.kind, {}), **metadata}})
    return OfModel(MODEL_NAMES.get(resource.kind, f"V1{resource.kind}"))


def keys_of(items: list[Any], shape: Shape) -> list[str]:
    """Give the FieldsV1 key of every item of a list, in order; none for a list that is owned as a whole."""
    if shape.is_set:
        return [f"v:{json.dumps(item)}" for item in items]
    if not shape.keys:
        return []
    found = [_key(item, shape) for item in items]
    return [f"k:{json.dumps(key, separators=(',', ':'), sort_keys=True)}" for key in found] if all(found) else []


def _key(item: Any, shape: Shape) -> Object | None:
    """Give what tells an item apart, or None for one that lacks a part of it."""
    if not isinstance(item, dict):
        return None
    key = {name: item.get(name, shape.item().default(name)) for name in shape.keys}
    return None if None in key.values() else key
