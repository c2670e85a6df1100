"""The columns that a definition adds to lists of its kind, by JSONPath."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonpath_ng.ext

from localcloud.kubernetes.errors import Cause
from localcloud.kubernetes.objects import Object, age
from localcloud.kubernetes.resources import Resource
from localcloud.kubernetes.validation import shown

_ESCAPED = re.compile(r"\.((?:[^.\[\\]|\\.)*\\.(?:[^.\[\\]|\\.)*)")
_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_TYPES: dict[str, Any] = {"integer": int, "number": (int, float), "boolean": bool}


def of(resource: Resource, version: str) -> list[Object]:
    """Give the additionalPrinterColumns of one version; the age where it names none."""
    return resource.at(version).get("additionalPrinterColumns") or [_AGE]


def definition(column: Object) -> Object:
    """Give a column as a Table defines it."""
    described = f"Custom resource definition column (in JSONPath format): {column['jsonPath']}"
    plain = {"format": "", "priority": 0, "description": described}
    return {key: column.get(key, plain.get(key)) for key in ("name", "type", "format", "description", "priority")}


def cell(column: Object, thing: Object) -> Any:
    """Give what a column shows of an object; None where the object has nothing of the column's type."""
    found = _path(column["jsonPath"]).find(thing)
    if not found:
        return None
    value, kind = found[0].value, column["type"]
    if kind == "string":
        return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    if kind == "date":
        return _age(value)
    return value if isinstance(value, _TYPES[kind]) else None


def _age(value: Any) -> str:
    try:
        return age(str(value))
    except (TypeError, ValueError):
        return "<invalid>"


@cache
def _path(text: str) -> Any:
    """The JSONPath of kubectl in the words of jsonpath-ng: it starts at the root, and dots in a key are quoted."""
    quoted = _ESCAPED.sub(lambda found: "['" + found[1].replace("\\", "") + "']", text)
    return jsonpath_ng.ext.parse(f"${quoted}")


def causes(version: Object, path: str) -> Iterator[Cause]:
    """Give everything wrong with the columns of a version."""
    for index, column in enumerate(version.get("additionalPrinterColumns") or []):
        if column["type"] not in ("string", "date", *_TYPES):
            why = "must be one of boolean,date,integer,number,string"
            yield Cause(f"{path}[{index}].type", f"Invalid value: {shown(column['type'])}: {why}")
        try:
            _path(column["jsonPath"])
        except Exception as error:  # the library has no class of its own for what it cannot read
            message = f"Invalid value: {shown(column['jsonPath'])}: unrecognized JSONPath: {error}"
            yield Cause(f"{path}[{index}].jsonPath", message)
