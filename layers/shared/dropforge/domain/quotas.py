"""What teams may use at once, as Kueue counts it: the tree of queues and cohorts, what each has, lends and may borrow, and what is used now.

The rules are Kueue's (pkg/cache/scheduler/resource_node.go). A node keeps for itself what it does not lend (its total beyond `lendingLimit`); the
rest lies in the cohort above, where whoever needs it finds it, up to his own `borrowingLimit`. Every number here follows from the objects' specs and
from what each ClusterQueue's status says is reserved; nobody else's Workloads need to be read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from pydantic import Field, model_validator

from dropforge.domain.quantities import parse
from dropforge.domain.values import Received

Key = tuple[str, str]  # flavor, resource
_NOTHING = Fraction(0)


class Shown(Received):
    """A part of an object as an API server shows it, where an empty field is left out or null."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, shown: object) -> object:
        return {key: value for key, value in shown.items() if value is not None} if isinstance(shown, dict) else shown


class Amount(Shown):
    """What is said of one resource of a flavor. Absent limits are none."""

    name: str
    nominal: str | int | float = Field(alias="nominalQuota", default="0")
    borrowing: str | int | float | None = Field(alias="borrowingLimit", default=None)
    lending: str | int | float | None = Field(alias="lendingLimit", default=None)


class FlavorQuota(Shown):
    """What is said of one flavor."""

    name: str
    resources: tuple[Amount, ...] = ()


class Group(Shown):
    """Resources that a job gets from one and the same flavor, and the flavors in the order in which they are tried."""

    covered: tuple[str, ...] = Field(alias="coveredResources", default=())
    flavors: tuple[FlavorQuota, ...] = ()


@dataclass(eq=False)
class Node:
    """A ClusterQueue or a Cohort in its tree. `reserved` is what a queue's own Workloads hold; a cohort's follows from its members."""

    name: str
    groups: Sequence[Group] = ()
    reserved: Mapping[Key, Fraction] = field(default_factory=dict)
    parent: "Node | None" = None
    members: "list[Node]" = field(default_factory=list)

    def said(self, key: Key) -> Amount:
        """Return what the node's spec says of a resource of a flavor."""
        flavors = (flavor for group in self.groups for flavor in group.flavors if flavor.name == key[0])
        found = (amount for flavor in flavors for amount in flavor.resources if amount.name == key[1])
        return next(found, Amount(name=key[1]))

    def total(self, key: Key) -> Fraction:
        """Return what the node has: its own quota and what its members lend."""
        return parse(self.said(key).nominal) + sum((one.total(key) - one.kept(key) for one in self.members), _NOTHING)

    def kept(self, key: Key) -> Fraction:
        """Return what of it nobody else may borrow."""
        lending = self.said(key).lending
        return _NOTHING if lending is None else max(_NOTHING, self.total(key) - parse(lending))

    def used(self, key: Key) -> Fraction:
        """Return what counts against the total: of a cohort, what its members use beyond what they keep."""
        beyond = (max(_NOTHING, one.used(key) - one.kept(key)) for one in self.members)
        return self.reserved.get(key, _NOTHING) + sum(beyond, _NOTHING)

    def capacity(self, key: Key) -> Fraction:
        """Return the most that could ever be used here: with nobody else there, and everything borrowed that may be."""
        if self.parent is None:
            return self.total(key)
        whole, limit = self.kept(key) + self.parent.capacity(key), self.said(key).borrowing
        return whole if limit is None else min(whole, self.total(key) + parse(limit))

    def available(self, key: Key) -> Fraction:
        """Return what may still be used now, borrowing included; below nothing where more is used than there is."""
        if self.parent is None:
            return self.total(key) - self.used(key)
        kept, used, limit = self.kept(key), self.used(key), self.said(key).borrowing
        above = self.parent.available(key)
        if limit is not None:
            above = min(above, self.total(key) - kept - max(_NOTHING, used - kept) + parse(limit))
        return max(_NOTHING, kept - used) + above

    def borrows(self, key: Key, more: Fraction) -> Fraction:
        """Return how much of `more` would be other teams' quota."""
        if self.parent is None:
            return _NOTHING
        return min(more, max(_NOTHING, self.used(key) + more - self.total(key)))

    def top(self) -> "Node":
        """Return the top of the tree."""
        return self if self.parent is None else self.parent.top()


def plant(queues: Iterable[Node], cohorts: Iterable[Node], above: Mapping[str, str]) -> None:
    """Hang every queue and cohort below its parent; `above` names the parents, of queues by their names and of cohorts by `cohort/<name>`.

    A parent that nobody has made has no quota and no limits. A cohort above itself hangs nowhere: Kueue admits nothing there.
    """
    known = {cohort.name: cohort for cohort in cohorts}
    pairs = [(queue, above.get(queue.name, "")) for queue in queues]
    pairs += [(cohort, above.get(f"cohort/{cohort.name}", "")) for cohort in known.values()]
    for child, name in pairs:
        if name and not _is_in_circle(name, above):
            child.parent = known.setdefault(name, Node(name))
            child.parent.members.append(child)


def _is_in_circle(name: str, above: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    while name and name not in seen:
        seen.add(name)
        name = above.get(f"cohort/{name}", "")
    return bool(name)
