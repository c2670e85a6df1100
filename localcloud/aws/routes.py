"""Which AWS operation is an HTTP request? Answered from botocore's own models, so that no route is written twice.

Clients name the operation in one of four ways: a target header, a path of the CBOR protocol, an `Action` form field, or a REST path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

from localcloud.aws.callers import function_of
from localcloud.aws.sessions import isolated_botocore

_SIGNING_NAMES = {
    "states": "stepfunctions",
    "monitoring": "cloudwatch",
    "elasticfilesystem": "efs",
    "email": "ses",
    "tagging": "resourcegroupstaggingapi",
}
_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")


@dataclass(frozen=True)
class Call:
    """One request, recognised. `operation` is empty when the models do not know it; `path_values` come from the REST path."""

    service: str
    operation: str
    region: str
    path_values: Mapping[str, str]
    access_key: str = ""

    @property
    def function(self) -> str:
        """The function that made the request; empty for anybody else."""
        return function_of(self.access_key)


def recognise(environ: Mapping[str, Any], body: bytes) -> Call:
    """Read service, region and operation of a WSGI request whose body has been read already."""
    region, service, key = _scope(environ)
    name = _named_operation(environ, body)
    if name:
        return Call(service, name, region, {}, key)
    name, values = _rest_operation(service, environ)
    return Call(service, name, region, values, key)


def _scope(environ: Mapping[str, Any]) -> tuple[str, str, str]:
    """Region, service and access key from the signature header, or from a presigned URL; empty when the request is unsigned."""
    presigned = parse_qs(environ.get("QUERY_STRING", "")).get("X-Amz-Credential", [""])[0]
    found = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", "")) or _SCOPE.search(f"Credential={presigned}")
    if not found:
        return "", "", ""
    return found["region"], _SIGNING_NAMES.get(found["service"], found["service"]), found["key"]


def _named_operation(environ: Mapping[str, Any], body: bytes) -> str:
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2]
    if found := re.fullmatch(r"/service/[^/]+/operation/(\w+)", environ.get("PATH_INFO", "")):
        return str(found[1])
    is_form = "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", "")
    form = body.decode() if is_form else str(environ.get("QUERY_STRING", ""))
    return parse_qs(form).get("Action", [""])[0]


@dataclass(frozen=True)
class _Route:
    operation: str
    method: str
    path: re.Pattern[str]
    query: frozenset[str]
    headers: frozenset[str]

    def matches(self, environ: Mapping[str, Any], query: set[str]) -> bool:
        """True when everything the operation requires is in the request; its path is matched by the caller."""
        headers = {f"HTTP_{name.upper().replace('-', '_')}" for name in self.headers}
        return self.method == environ["REQUEST_METHOD"] and self.query <= query and headers <= environ.keys()


def _rest_operation(service: str, environ: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    path = environ["REQUEST_URI"].partition("?")[0]  # not PATH_INFO, where an encoded slash has become one
    query = set(parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    for route in _routes(service):
        found = route.path.fullmatch(path)
        if found and route.matches(environ, query):
            return route.operation, {name: unquote(value) for name, value in found.groupdict().items()}
    return "", {}


@cache
def _routes(service: str) -> list[_Route]:
    """REST routes of a service, the most demanding first, so that UploadPart is tried before PutObject."""
    model = service_model(service)
    if model is None or not model.metadata["protocol"].startswith("rest"):
        return []
    routes = [_route(service, model.operation_model(name)) for name in model.operation_names]
    return sorted(routes, key=lambda r: (-len(r.query) - len(r.headers), "(?P" in r.path.pattern, r.operation))


def _route(service: str, operation: Any) -> _Route:
    path, _, constants = operation.http["requestUri"].partition("?")
    required = _required_locations(operation)
    literals = {pair.partition("=")[0] for pair in constants.split("&") if pair} - {"x-id"}
    if service == "s3" and "Bucket" in (operation.input_shape.members if operation.input_shape else {}):
        path = "/{Bucket}" + path.removeprefix("/{Bucket}").rstrip("/")
    return _Route(
        operation.name,
        operation.http["method"],
        re.compile(_path_pattern(path) + "/?"),
        frozenset(required.get("querystring", set()) | literals),
        frozenset(required.get("header", set())),
    )


def _path_pattern(path: str) -> str:
    parts = re.split(r"(\{\w+\+?\})", path)
    return "".join(_part_pattern(part) for part in parts)


def _part_pattern(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name = part.strip("{}+")
    return f"(?P<{name}>.+)" if part.endswith("+}") else f"(?P<{name}>[^/]+)"


def _required_locations(operation: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for member in operation.input_shape.required_members if operation.input_shape else []:
        serialization = operation.input_shape.members[member].serialization
        if "location" in serialization:
            found.setdefault(serialization["location"], set()).add(serialization.get("name", member))
    return found


@cache
def service_model(service: str) -> Any:
    """botocore's model of a service, or None when there is no service of that name."""
    session = isolated_botocore()
    return session.get_service_model(service) if service in session.get_available_services() else None
