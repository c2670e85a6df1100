"""A write that is about to happen, as those see it who may still refuse it."""

from collections.abc import Callable
from typing import NamedTuple

from localcloud.kubernetes.authentication import User
from localcloud.kubernetes.objects import Object, name_of, namespace_of
from localcloud.kubernetes.resources import Resource

Warn = Callable[[str], None]


def silently(_: str) -> None:
    """Warn nobody: controllers do not read warnings."""


class Write(NamedTuple):
    """An object that is created (no `old`), changed or deleted (no `new`); no user means a controller of the cluster.

    `warn` tells whoever writes what he should know although it is done.
    """

    resource: Resource
    new: Object | None
    old: Object | None
    user: User | None = None
    dry_run: bool = False
    warn: Warn = silently

    @property
    def operation(self) -> str:
        """Give what admission calls it."""
        if self.new is None:
            return "DELETE"
        return "CREATE" if self.old is None else "UPDATE"

    @property
    def thing(self) -> Object:
        """Give the object, as it will be or was."""
        return self.new or self.old or {}

    @property
    def name(self) -> str:
        """Give the object's name."""
        return name_of(self.thing)

    @property
    def namespace(self) -> str:
        """Give the object's namespace, or an empty string."""
        return namespace_of(self.thing)
