"""What a ClusterQueue may still take: its own quota, and what the others of its cohort do not use.

The arithmetic is Kueue's (pkg/cache, resource_node.go) for cohorts of one level. A queue keeps what it does not lend (its quota beyond
`lendingLimit`) for itself; the rest lies in the cohort, where whoever needs it finds it, up to his `borrowingLimit`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from localcloud.kubernetes.objects import Object, name_of
from localcloud.kubernetes.quantities import parse
from localcloud.kubernetes.workloads import admission_queue

Key = tuple[str, str]  # flavor, resource
Usage = dict[Key, Fraction]
_NOTHING = Fraction(0)


@dataclass(frozen=True)
class Quota:
    """What a queue says of one resource of one flavor; limits that are not set are None."""

    nominal: Fraction
    borrowing: Fraction | None
    lending: Fraction | None

    @property
    def own(self) -> Fraction:
        """What nobody else may borrow."""
        return _NOTHING if self.lending is None else max(_NOTHING, self.nominal - self.lending)

    @property
    def lent(self) -> Fraction:
        """What lies in the cohort."""
        return self.nominal - self.own


def quotas_of(queue: Object) -> dict[Key, Quota]:
    """Give a queue's quotas by flavor and resource."""
    return {
        (flavor["name"], entry["name"]): _quota(entry)
        for group in queue["spec"].get("resourceGroups") or []
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


@dataclass(frozen=True)
class Room:
    """One queue among the members of its cohort, itself included; without a cohort it is the only member."""

    queue: Object
    members: tuple[tuple[dict[Key, Quota], Usage], ...]
    quotas: dict[Key, Quota]
    usage: Usage

    def used(self, key: Key) -> Fraction:
        """What the queue uses of a resource."""
        return self.usage.get(key, _NOTHING)

    def available(self, key: Key) -> Fraction:
        """What the queue may still take, borrowing included."""
        mine = self.quotas[key]
        shared = sum((_lent(q, key) - _taken(q, u, key) for q, u in self.members), _NOTHING)
        if mine.borrowing is not None:
            shared = min(shared, mine.lent - _taken(self.quotas, self.usage, key) + mine.borrowing)
        return max(_NOTHING, mine.own - self.used(key)) + shared

    def capacity(self, key: Key) -> Fraction:
        """What the queue could take if nobody used anything."""
        mine = self.quotas[key]
        shared = sum((_lent(quotas, key) for quotas, _ in self.members), _NOTHING)
        if mine.borrowing is not None:
            shared = min(shared, mine.lent + mine.borrowing)
        return mine.own + shared

    def borrows(self, key: Key) -> bool:
        """Tell whether the queue uses more than its own quota."""
        return key in self.quotas and self.used(key) > self.quotas[key].nominal


def _lent(quotas: dict[Key, Quota], key: Key) -> Fraction:
    return quotas[key].lent if key in quotas else _NOTHING


def _taken(quotas: dict[Key, Quota], usage: Usage, key: Key) -> Fraction:
    """What a member takes out of the cohort: all it uses beyond what it keeps for itself."""
    return max(_NOTHING, usage.get(key, _NOTHING) - quotas[key].own) if key in quotas else _NOTHING


def room(queue: Object, members: Sequence[Object], holding: Sequence[Object]) -> Room:
    """Give the room of a queue; `members` are the queues of its cohort with itself, `holding` the Workloads that hold quota of any of them."""
    usages = {name_of(one): usage_of(w for w in holding if admission_queue(w) == name_of(one)) for one in members}
    pairs = tuple((quotas_of(one), usages[name_of(one)]) for one in members)
    return Room(queue, pairs, quotas_of(queue), usages[name_of(queue)])


def members_of(queue: Object, queues: Iterable[Object]) -> list[Object]:
    """Give the queues of a queue's cohort, itself first."""
    cohort = queue["spec"].get("cohortName")
    others = [
        one for one in queues if cohort and one["spec"].get("cohortName") == cohort and name_of(one) != name_of(queue)
    ]
    return [queue, *others]
