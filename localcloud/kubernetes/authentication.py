"""Who is asking. Only the form of an EKS token is checked here, not yet the presigned URL inside it."""

from collections.abc import Mapping

from localcloud.kubernetes.errors import StatusError

_PREFIX = "Bearer k8s-aws-v1."
OWN_TOKEN = "k8s-aws-v1.local"  # noqa: S105 - not a secret: only its form is checked


def authenticate(headers: Mapping[str, str]) -> str:
    """Give the user name behind a request; StatusError 401 without an EKS bearer token."""
    token = headers.get("Authorization") or ""
    if not token.startswith(_PREFIX) or token == _PREFIX:
        raise StatusError(401, "Unauthorized", "Unauthorized")
    return "kubernetes-admin"


def is_own(headers: Mapping[str, str]) -> bool:
    """Tell whether the request comes from a client the cluster itself gave away: somebody looks on, and is not what is tested."""
    return headers.get("Authorization") == f"Bearer {OWN_TOKEN}"
