"""Checks built-in kinds field by field against the Kubernetes client's own models.

The client package lists every field of every built-in kind, generated from the upstream OpenAPI document, so no schema
is kept here; unknown fields are removed (as decoding does) and reported.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from kubernetes.client import models

from localcloud.kubernetes.errors import bad_request
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.quantities import parse

MODEL_NAMES = {"Event": "CoreV1Event"}
_SCALARS: dict[str, tuple[type, ...]] = {
    "str": (str,), "datetime": (str,), "int": (int,), "bool": (bool,), "float": (int, float), "object": (object,),
}  # fmt: skip
_GO_NAMES = {"str": "string", "datetime": "string", "int": "int32", "bool": "bool", "float": "float64"}
_QUANTITIES = ("limits", "requests", "capacity", "allocatable", "hard", "used")
LIST_OF = re.compile(r"^list\[(.+)\]$")
DICT_OF = re.compile(r"^dict\[str, (.+)\]$")
_SCHEMA = "V1JSONSchemaProps"  # the client's model says `object` where a schema, a list of them or a bool may be
_SCHEMAS = ("items", "additionalProperties")


@dataclass
class Check:
    """One walk over one object; `unknown` collects the paths of fields no model has."""

    kind: str
    version: str
    unknown: list[str] = field(default_factory=list)

    def value(self, kind: str, value: Any, path: str, owner: str) -> Any:
        """Give the value without unknown fields; StatusError 400 for a wrong type."""
        if kind in _SCALARS:
            return self._scalar(kind, value, path, owner)
        if found := LIST_OF.match(kind):
            return self._list(found[1], value, path, owner)
        if found := DICT_OF.match(kind):
            return self._dict(found[1], value, path, owner)
        return self._model(getattr(models, kind), value, path, owner)

    def _scalar(self, kind: str, value: Any, path: str, owner: str) -> Any:
        wrong_bool = isinstance(value, bool) and kind not in ("bool", "object")
        if wrong_bool or not isinstance(value, _SCALARS[kind]):
            raise self._mismatch(value, path, owner, _GO_NAMES[kind])
        return value

    def _list(self, kind: str, value: Any, path: str, owner: str) -> list[Any]:
        if not isinstance(value, list):
            raise self._mismatch(value, path, owner, f"[]{kind}")
        return [self.value(kind, item, f"{path}[{i}]", owner) for i, item in enumerate(value)]

    def _dict(self, kind: str, value: Any, path: str, owner: str) -> Object:
        if not isinstance(value, dict):
            raise self._mismatch(value, path, owner, "map[string]string")
        if kind == "str" and path.rpartition(".")[2] in _QUANTITIES:
            return {key: self._quantity(item, f"{path}.{key}") for key, item in value.items()}
        return {key: self.value(kind, item, f"{path}.{key}", owner) for key, item in value.items()}

    def _quantity(self, value: Any, path: str) -> str:
        try:
            parse(value)
        except ValueError as error:
            raise bad_request(f"{self._cannot()}: {path}: {error}") from error
        return str(value)

    def _model(self, model: Any, value: Any, path: str, owner: str) -> Object:
        if not isinstance(value, dict):
            raise self._mismatch(value, path, owner, model.__name__)
        kinds = {model.attribute_map[name]: kind for name, kind in model.openapi_types.items()}
        name = model.__name__.removeprefix("Core").removeprefix("V1")
        kept = {}
        for key, part in value.items():
            inner = f"{path}.{key}" if path else key
            if key not in kinds:
                self.unknown.append(inner)
            elif part is not None:
                kind = (
                    _SCHEMA if model.__name__ == _SCHEMA and key in _SCHEMAS and isinstance(part, dict) else kinds[key]
                )
                kept[key] = self.value(kind, part, inner, name)
        return kept

    def _mismatch(self, value: Any, path: str, owner: str, wanted: str) -> Exception:
        names = {str: "string", int: "number", float: "number", bool: "bool", list: "array", dict: "object"}
        found = names.get(type(value), "null")
        return bad_request(
            f"{self._cannot()}: json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {wanted}"
        )

    def _cannot(self) -> str:
        return f'{self.kind} in version "{self.version}" cannot be handled as a {self.kind}'


def check(thing: Object, version: str, unknown: list[str]) -> Object:
    """Give a built-in object without unknown fields, whose paths are added to `unknown`."""
    kind = thing["kind"]
    walk = Check(kind, version, unknown)
    model = MODEL_NAMES.get(kind, f"V1{kind}")
    kept: Object = walk.value(model, thing, "", kind)
    return kept


def strict_error(kind: str, version: str, unknown: list[str]) -> Exception:
    """Give the 400 of `fieldValidation=Strict`, naming every unknown field."""
    listed = ", ".join(f'unknown field "{path}"' for path in unknown)
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: strict decoding error: {listed}')
