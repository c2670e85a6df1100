"""From a request's path to what it names: a kind, a namespace, a name, a subresource."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.kubernetes import errors
from localcloud.kubernetes.api import Place
from localcloud.kubernetes.authentication import NOBODY, User
from localcloud.kubernetes.kinds import Kinds
from localcloud.kubernetes.resources import PODS, Resource

_STATUS_OF_NAMESPACE = ("status", "finalize")


@dataclass(frozen=True)
class Request:
    """One HTTP request, read and decoded; `body` is None where none was sent. What its sender should know is added to `warnings`."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    user: User = NOBODY
    warnings: list[str] = field(default_factory=list)

    def flag(self, name: str) -> bool:
        """Tell whether a query parameter is true."""
        return self.query.get(name, "") in ("true", "1", "True")

    def number(self, name: str) -> int:
        """Give a query parameter as a number, 0 where it was not given; StatusError 400 when it is none."""
        text = self.query.get(name, "0")
        if not text.isdigit():
            raise errors.bad_request(f'invalid value for {name}: "{text}"')
        return int(text)


@dataclass(frozen=True)
class Target:
    """What a path names; `name` is empty for a collection."""

    resource: Resource
    version: str
    namespace: str
    name: str
    subresource: str

    @property
    def place(self) -> Place:
        """Give the place of the named object."""
        return Place(self.resource, self.namespace, self.name, self.subresource)


def parse(path: str, kinds: Kinds) -> Target:
    """Read a path under /api or /apis; StatusError 404 when nothing is served there."""
    group, version, rest = _group(path.strip("/").split("/"))
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _STATUS_OF_NAMESPACE:
        namespace, rest = rest[1], rest[2:]
    resource = kinds.find(group, version, rest[0])
    if resource is None or len(rest) > 3 or (namespace and not resource.namespaced):
        raise errors.unknown_path()
    name, subresource = (*rest[1:], "", "")[:2]
    _check_subresource(resource, subresource)
    return Target(resource, version, namespace, name, subresource)


def _group(parts: list[str]) -> tuple[str, str, list[str]]:
    if parts[0] == "api" and len(parts) > 2:
        return "", parts[1], parts[2:]
    if parts[0] == "apis" and len(parts) > 3:
        return parts[1], parts[2], parts[3:]
    raise errors.unknown_path()


def _check_subresource(resource: Resource, subresource: str) -> None:
    allowed = ["", *(["status"] if resource.status else []), *(["log"] if resource is PODS else [])]
    if subresource not in allowed:
        raise errors.unknown_path()


def verb(request: Request, target: Target | None) -> str:
    """Give the Kubernetes verb of a request: get, list, watch, create, update, patch, delete or deletecollection."""
    if request.method == "GET":
        if target is None or target.name:
            return "get"
        return "watch" if request.flag("watch") else "list"
    if request.method == "DELETE":
        return "delete" if target is None or target.name else "deletecollection"
    return {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(request.method, request.method.lower())
