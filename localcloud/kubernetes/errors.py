"""Every way the API says no, as the `Status` objects a real API server sends.

One exception class carries them all: clients tell failures apart by `code` and `reason`, so a class per reason would
only repeat the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.kubernetes.resources import Resource


@dataclass(frozen=True)
class Cause:
    """One field that is wrong; `reason` is a Kubernetes CauseType."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


def unsupported(path: str, found: object, allowed: Sequence[str]) -> Cause:
    """Give the cause of a value that is none of those a field may have."""
    listed = ", ".join(f'"{word}"' for word in allowed)
    return Cause(path, f'Unsupported value: "{found}": supported values: {listed}', "FieldValueNotSupported")


def required(part: Mapping[str, Any], keys: Sequence[str], path: str) -> list[Cause]:
    """Give a cause for each field that is missing or empty."""
    missing = [key for key in keys if not part.get(key)]
    return [Cause(f"{path}.{key}", "Required value", "FieldValueRequired") for key in missing]


class StatusError(Exception):
    """A refused request; `headers` are added to the HTTP answer."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Give the `Status` object that goes over the wire."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }


def _details(resource: Resource, name: str) -> dict[str, Any]:
    return {"name": name, "group": resource.group, "kind": resource.plural}


def unknown_path() -> StatusError:
    """404 for a path that names no resource."""
    return StatusError(404, "NotFound", "the server could not find the requested resource")


def not_found(resource: Resource, name: str) -> StatusError:
    """404 for an object that does not exist."""
    return StatusError(404, "NotFound", f'{resource.key} "{name}" not found', _details(resource, name))


def already_exists(resource: Resource, name: str) -> StatusError:
    """409 for a create whose name is taken."""
    return StatusError(409, "AlreadyExists", f'{resource.key} "{name}" already exists', _details(resource, name))


def conflict(resource: Resource, name: str, why: str) -> StatusError:
    """409 for an optimistic lock that failed."""
    message = f'Operation cannot be fulfilled on {resource.key} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(resource, name))


def bad_request(message: str) -> StatusError:
    """400 for a request that cannot be read."""
    return StatusError(400, "BadRequest", message)


def forbidden(resource: Resource, name: str, why: str) -> StatusError:
    """403 for a request that is understood and not allowed."""
    return StatusError(403, "Forbidden", f'{resource.key} "{name}" is forbidden: {why}', _details(resource, name))


def invalid(resource: Resource, name: str, causes: Sequence[Cause]) -> StatusError:
    """422 for an object with wrong values; every wrong field is a cause."""
    lines = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    wire = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    details = {"name": name, "group": resource.group, "kind": resource.kind, "causes": wire}
    return StatusError(422, "Invalid", f'{kind} "{name}" is invalid: {listed}', details)


def expired(message: str) -> StatusError:
    """410 for a resource version or page the server no longer has."""
    return StatusError(410, "Expired", message)
