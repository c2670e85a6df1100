"""Who is asking. The cluster knows its own administrator; whom it lets in beyond that, somebody else decides (`Tokens`)."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from localcloud.kubernetes.errors import StatusError, bad_request
from localcloud.kubernetes.objects import Object

OWN_TOKEN = "k8s-aws-v1.local"  # noqa: S105 - not a secret: it opens a cluster on this machine, for this machine
MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"


class Grant(NamedTuple):
    """Rules that hold without a role of the cluster, in namespaces of these patterns; without any, in the whole cluster."""

    rules: Sequence[Object]
    namespaces: tuple[str, ...] = ()


class User(NamedTuple):
    """A name, the groups it belongs to, and what whoever knows it allows beyond RBAC (on EKS: access policies)."""

    name: str
    groups: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()


NOBODY = User("")
ADMINISTRATOR = User("kubernetes-admin", (MASTERS,))
Tokens = Callable[[str], User | None]


def nobody(_: str) -> User | None:
    """Know no token."""
    return None


def authenticate(headers: Mapping[str, str], tokens: Tokens) -> User:
    """Give the user behind a request; StatusError 401, without a word why, for a token that nobody knows, 400 for impersonation."""
    scheme, _, token = (headers.get("Authorization") or "").partition(" ")
    user = None
    if scheme == "Bearer":
        user = ADMINISTRATOR if token == OWN_TOKEN else tokens(token)
    if user is None:
        raise StatusError(401, "Unauthorized", "Unauthorized")
    if impersonated := [name for name in headers if name.startswith("Impersonate-")]:
        raise bad_request(f"impersonation is not supported by the local cluster: {', '.join(impersonated)}")
    return user._replace(groups=(*user.groups, AUTHENTICATED))


def is_own(headers: Mapping[str, str]) -> bool:
    """Tell whether the request comes from a client the cluster itself gave away: somebody looks on, and is not what is tested."""
    return headers.get("Authorization") == f"Bearer {OWN_TOKEN}"
