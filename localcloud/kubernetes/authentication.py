"""Who is asking. The cluster knows its own administrator; whom it lets in beyond that, somebody else decides (`Tokens`)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from localcloud.kubernetes.errors import StatusError

OWN_TOKEN = "k8s-aws-v1.local"  # noqa: S105 - not a secret: it opens a cluster on this machine, for this machine
MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"


class User(NamedTuple):
    """A name and the groups it belongs to."""

    name: str
    groups: tuple[str, ...] = ()


NOBODY = User("")
ADMINISTRATOR = User("kubernetes-admin", (MASTERS,))
Tokens = Callable[[str], User | None]


def nobody(_: str) -> User | None:
    """Know no token."""
    return None


def authenticate(headers: Mapping[str, str], tokens: Tokens) -> User:
    """Give the user behind a request; StatusError 401, without a word why, for a token that nobody knows."""
    scheme, _, token = (headers.get("Authorization") or "").partition(" ")
    user = None
    if scheme == "Bearer":
        user = ADMINISTRATOR if token == OWN_TOKEN else tokens(token)
    if user is None:
        raise StatusError(401, "Unauthorized", "Unauthorized")
    return User(user.name, (*user.groups, AUTHENTICATED))


def is_own(headers: Mapping[str, str]) -> bool:
    """Tell whether the request comes from a client the cluster itself gave away: somebody looks on, and is not what is tested."""
    return headers.get("Authorization") == f"Bearer {OWN_TOKEN}"
