"""Every kind of one cluster: those that are built in, and those that its own CustomResourceDefinitions add.

A definition for a kind that is built in (Kueue's) is kept and changes nothing: the kind stays as it is. A custom kind keeps its definition with
it, so whatever asks for its schema or its names asks the kind.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.kubernetes.objects import Object, is_true
from localcloud.kubernetes.resources import BUILT_IN, DEFINITIONS, Resource
from localcloud.kubernetes.store import Store

_VERSION = re.compile(r"^v(\d+)(?:(alpha|beta)(\d+))?$")
_STAGES = {"alpha": 0, "beta": 1, None: 2}


@dataclass(frozen=True)
class Kinds:
    """The kinds of one store."""

    store: Store

    def all(self) -> list[Resource]:
        """Give every kind that objects can be of."""
        return [*BUILT_IN, *self.custom()]

    def custom(self) -> list[Resource]:
        """Give the kinds of definitions whose names are accepted."""
        found = [resource_of(one) for one in self.store.all_of(DEFINITIONS) if is_true(one, "Established")]
        return [one for one in found if one.key not in _BUILT_IN_KEYS]

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """Give the kind served at this group, version and plural, or None."""
        return next((r for r in self.served(group, version) if r.plural == plural), None)

    def served(self, group: str, version: str) -> Iterator[Resource]:
        """Give every kind of one group and version."""
        return (r for r in self.all() if r.group == group and version in r.served)


_BUILT_IN_KEYS = {resource.key for resource in BUILT_IN}


def resource_of(definition: Object) -> Resource:
    """Give the kind that a definition makes; the version in which its objects are stored comes first."""
    spec = definition["spec"]
    stored = next(one for one in spec["versions"] if one["storage"])
    others = [one["name"] for one in spec["versions"] if one is not stored]
    return Resource(
        group=spec["group"],
        plural=spec["names"]["plural"],
        kind=spec["names"]["kind"],
        versions=(stored["name"], *others),
        namespaced=spec["scope"] == "Namespaced",
        status="status" in (stored.get("subresources") or {}),
        counts_generations=True,
        definition=definition,
    )


def by_age(version: str) -> tuple[Any, ...]:
    """Sort key of versions as discovery lists them: v2, v1, v1beta1, v1alpha1, then others by name."""
    found = _VERSION.match(version)
    if not found:
        return (1, 0, 0, 0, version)
    return (0, -_STAGES[found[2]], -int(found[1]), -int(found[3] or 0), "")
