"""From CloudFormation properties to API parameters: names and values are fitted to botocore's shapes.

CloudFormation writes members in PascalCase and may write every scalar as text; each API has its own case and types.
"""

import json
from collections.abc import Mapping
from typing import Any

from localcloud.aws.routes import service_model


class UnknownProperty(ValueError):
    """A property that the API does not know."""


def members(service: str, operation: str) -> dict[str, str]:
    """Input members of an operation, by their lower-case spelling."""
    shape = service_model(service).operation_model(operation).input_shape
    return {name.lower(): name for name in (shape.members if shape else {})}


def fit(service: str, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of `operation` for `properties`; raises UnknownProperty."""
    shape = service_model(service).operation_model(operation).input_shape
    fitted: dict[str, Any] = _fit(shape, properties, "")
    return fitted


def _fit(shape: Any, value: Any, path: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _fit_structure(shape, value, path)
    if kind == "list":
        items = value if isinstance(value, list) else [value]
        return [_fit(shape.member, item, path) for item in items]
    if kind == "map":
        return {str(key): _fit(shape.value, item, path) for key, item in _pairs(value).items()}
    return _fit_scalar(kind, value)


def _fit_structure(shape: Any, value: Mapping[str, Any], path: str) -> dict[str, Any]:
    names = {name.lower(): name for name in shape.members}
    unknown = [name for name in value if name.lower() not in names]
    if unknown:
        raise UnknownProperty(f"{path}{unknown[0]}")
    fitted = {}
    for name, item in value.items():
        if item is not None:
            member = names[name.lower()]
            fitted[member] = _fit(shape.members[member], item, f"{path}{name}.")
    return fitted


def _pairs(value: Any) -> dict[str, Any]:
    """Tags are a list of Key and Value in CloudFormation, and a map in some APIs."""
    return {item["Key"]: item["Value"] for item in value} if isinstance(value, list) else dict(value)


def _fit_scalar(kind: str, value: Any) -> Any:
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "string":
        return as_text(value)
    return value


def as_text(value: Any) -> str:
    """A scalar or document as CloudFormation hands it to a text parameter."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)
