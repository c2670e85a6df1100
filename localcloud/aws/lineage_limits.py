"""What SageMaker's lineage refuses: names, lengths and numbers, as botocore's model has them."""

import re
from typing import Any

from localcloud.aws.package_limits import refused

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}")
_STATUSES = ("Unknown", "InProgress", "Completed", "Failed", "Stopping", "Stopped")
_PROPERTIES, _KEY, _VALUE, _URI, _TYPE = 30, 256, 4096, 2048, 256


def check(parameters: dict[str, Any], source: dict[str, Any], kind: str) -> None:
    """Raise ValidationException for an entity that cannot be."""
    name = parameters.get("ArtifactName", parameters.get("ActionName", "x"))
    if not _NAME.fullmatch(name):
        raise refused(f"{name!r} must satisfy the pattern {_NAME.pattern}.")
    if not 1 <= len(source["SourceUri"]) <= _URI or len(kind) > _TYPE:
        raise refused(f"SourceUri has 1 to {_URI} characters, a type at most {_TYPE}.")
    if parameters.get("Status", _STATUSES[0]) not in _STATUSES:
        raise refused(f"Status {parameters['Status']!r} is none of {', '.join(_STATUSES)}.")
    check_properties(parameters)


def check_properties(parameters: dict[str, Any]) -> None:
    """Raise ValidationException for properties that an entity may not hold."""
    properties = parameters.get("Properties", {})
    if len(properties) > _PROPERTIES:
        raise refused(f"Properties has {len(properties)} entries; at most {_PROPERTIES} are allowed.")
    for key, value in properties.items():
        if len(key) > _KEY or len(value) > _VALUE:
            raise refused(f"Properties[{key}]: a key has at most {_KEY} characters, a value at most {_VALUE}.")
