"""The tree of queues and cohorts: what each has, what it keeps, what it may take from above.

The arithmetic is Kueue's (pkg/cache, resource_node.go). A node keeps what it does not lend (its quota beyond `lendingLimit`) for itself; the rest
lies in the cohort above, where whoever needs it finds it, up to his `borrowingLimit`. A cohort has a quota of its own, and what its members lend.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from localcloud.kubernetes.objects import Object, dig, name_of
from localcloud.kubernetes.quantities import parse

Key = tuple[str, str]  # flavor, resource
Usage = dict[Key, Fraction]
_NOTHING = Fraction(0)


@dataclass(frozen=True)
class Quota:
    """What a queue or a cohort says of one resource of one flavor; limits that are not set are None."""

    nominal: Fraction = _NOTHING
    borrowing: Fraction | None = None
    lending: Fraction | None = None


@dataclass(eq=False)
class Node:
    """A queue or a cohort; `used` is what a queue's Workloads use, or what a cohort's members use beyond what they keep."""

    name: str
    quotas: Mapping[Key, Quota]
    is_queue: bool = False
    parent: "Node | None" = None
    in_circle: bool = False
    weight: Fraction = Fraction(1)
    members: list["Node"] = field(default_factory=list)
    _used: Usage = field(default_factory=dict)
    _totals: Usage = field(default_factory=dict)

    def quota(self, key: Key) -> Quota:
        """What is said here of a resource."""
        return self.quotas.get(key, Quota())

    def covered(self) -> frozenset[Key]:
        """Every resource of every flavor that the node or a member has a quota of."""
        return frozenset(self.quotas).union(*(member.covered() for member in self.members))

    def used(self, key: Key) -> Fraction:
        """What counts against `total`."""
        return self._used.get(key, _NOTHING)

    def total(self, key: Key) -> Fraction:
        """The node's own quota, and what its members lend; quotas do not change while a tree lives."""
        if key not in self._totals:
            lent = (member.total(key) - member.kept(key) for member in self.members)
            self._totals[key] = self.quota(key).nominal + sum(lent, _NOTHING)
        return self._totals[key]

    def kept(self, key: Key) -> Fraction:
        """What nobody else may borrow."""
        lending = self.quota(key).lending
        return _NOTHING if lending is None else max(_NOTHING, self.total(key) - lending)

    def left(self, key: Key) -> Fraction:
        """What of the kept is free; nobody above sees it."""
        return max(_NOTHING, self.kept(key) - self.used(key))

    def available(self, key: Key) -> Fraction:
        """What may still be taken, borrowing included; below nothing where more is used than there is."""
        if self.parent is None:
            return self.total(key) - self.used(key)
        above = self.parent.available(key)
        limit = self.quota(key).borrowing
        if limit is not None:
            taken = max(_NOTHING, self.used(key) - self.kept(key))
            above = min(above, self.total(key) - self.kept(key) - taken + limit)
        return self.left(key) + above

    def capacity(self, key: Key) -> Fraction:
        """What could be taken if nobody used anything."""
        if self.parent is None:
            return self.total(key)
        whole = self.kept(key) + self.parent.capacity(key)
        limit = self.quota(key).borrowing
        return whole if limit is None else min(whole, self.total(key) + limit)

    def exceeds(self, key: Key, more: Fraction = _NOTHING) -> bool:
        """Tell whether more is used than the node has, with `more` on top."""
        return self.used(key) + more > self.total(key)

    def above(self) -> Iterator["Node"]:
        """Give the cohorts above, the nearest first."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def root(self) -> "Node":
        """Give the top of the tree."""
        return next(reversed(list(self.above())), self)

    def height(self) -> int:
        """Give the distance to the furthest member."""
        return max((member.height() + 1 for member in self.members), default=0)

    def take(self, key: Key, amount: Fraction) -> None:
        """Use more; what goes beyond the kept is used above as well."""
        beyond = max(_NOTHING, amount - self.left(key))
        self._used[key] = self.used(key) + amount
        if self.parent is not None and beyond:
            self.parent.take(key, beyond)

    def give(self, key: Key, amount: Fraction) -> None:
        """Use less, the part above first."""
        beyond = self.used(key) - self.kept(key)
        self._used[key] = self.used(key) - amount
        if self.parent is not None and beyond > 0:
            self.parent.give(key, min(amount, beyond))

    def take_all(self, usage: Usage) -> None:
        """Use more of many resources."""
        for key, amount in usage.items():
            self.take(key, amount)

    def give_all(self, usage: Usage) -> None:
        """Use less of many resources."""
        for key, amount in usage.items():
            self.give(key, amount)


class Forest(NamedTuple):
    """All trees: the nodes of queues and of cohorts by name; cohorts of a circle are left out."""

    queues: dict[str, Node]
    cohorts: dict[str, Node]


def plant(queues: Iterable[Object], cohorts: Sequence[Object]) -> dict[str, Node]:
    """Give the node of every queue, by name, in its tree; a cohort that is named but not there has no quota and no limits."""
    return forest(queues, cohorts).queues


def forest(queues: Iterable[Object], cohorts: Sequence[Object]) -> Forest:
    """Give the nodes of queues and cohorts."""
    groups = {name_of(one): Node(name_of(one), quotas_of(one), weight=weight_of(one)) for one in cohorts}
    for one in cohorts:
        _join(groups[name_of(one)], dig(one, "spec", "parentName"), groups)
    leaves = [(_leaf(one), one["spec"].get("cohortName")) for one in queues]
    for leaf, cohort in leaves:
        _join(leaf, cohort, groups)
    for leaf, _ in leaves:
        _cut_circle(leaf)
    sound = {name: node for name, node in groups.items() if not _is_in_circle(node)}
    return Forest({leaf.name: leaf for leaf, _ in leaves}, sound)


def _leaf(queue: Object) -> Node:
    return Node(name_of(queue), quotas_of(queue), is_queue=True, weight=weight_of(queue))


def weight_of(thing: Object) -> Fraction:
    """Give what fair sharing divides the share of a queue or a cohort by."""
    weight = dig(thing, "spec", "fairSharing", "weight")
    return Fraction(1) if weight is None else parse(weight)


def _join(node: Node, cohort: str | None, groups: dict[str, Node]) -> None:
    if cohort:
        node.parent = groups.setdefault(cohort, Node(cohort, {}))
        node.parent.members.append(node)


def _cut_circle(leaf: Node) -> None:
    """Take a queue out of a tree that bites its own tail: it admits nothing until somebody mends that."""
    if _is_in_circle(leaf):
        leaf.parent, leaf.in_circle = None, True


def _is_in_circle(start: Node) -> bool:
    seen = set()
    for node in start.above():
        if node in seen:
            return True
        seen.add(node)
    return False


def quotas_of(thing: Object) -> dict[Key, Quota]:
    """Give the quotas of a ClusterQueue or a Cohort by flavor and resource."""
    return {
        (flavor["name"], entry["name"]): _quota(entry)
        for group in dig(thing, "spec", "resourceGroups") or []
        for flavor in group["flavors"]
        for entry in flavor["resources"]
    }


def _quota(entry: Object) -> Quota:
    borrowing, lending = (entry.get(key) for key in ("borrowingLimit", "lendingLimit"))
    return Quota(
        parse(entry["nominalQuota"]),
        None if borrowing is None else parse(borrowing),
        None if lending is None else parse(lending),
    )


def usage_of(workloads: Iterable[Object]) -> Usage:
    """Give what admitted Workloads use, by flavor and resource."""
    total: Usage = {}
    for workload in workloads:
        for assignment in workload["status"]["admission"]["podSetAssignments"]:
            for resource, flavor in (assignment.get("flavors") or {}).items():
                amount = parse(assignment["resourceUsage"][resource])
                total[flavor, resource] = total.get((flavor, resource), _NOTHING) + amount
    return total
