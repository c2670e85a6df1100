"""For tests that are not about access: every token is an administrator's, and is not the cluster's own."""

from localcloud.kubernetes.authentication import MASTERS, User


def anybody(token: str) -> User | None:
    return User("somebody", (MASTERS,)) if token.startswith("k8s-aws-v1.") else None
