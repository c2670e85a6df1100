"""What a search for Workloads that must go is about: who lacks quota, who might go, and what makes them go.

Both ways of preemption (the classical one and fair sharing) look at these, and simulate on the tree of cohorts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from localcloud.kubernetes import cohorts
from localcloud.kubernetes.cohorts import Key, Node, Usage
from localcloud.kubernetes.objects import Object, condition, is_true

OWN, RECLAIMED, WHILE_BORROWING = "InClusterQueue", "InCohortReclamation", "InCohortReclaimWhileBorrowing"
FAIR = "InCohortFairSharing"
WORDS = {
    OWN: "prioritization in the ClusterQueue",
    RECLAIMED: "reclamation within the cohort",
    WHILE_BORROWING: "reclamation within the cohort while borrowing",
    FAIR: "Fair Sharing within the cohort",
}
BY_PLACE, BY_PRIORITY, SAME_QUEUE = range(3)  # the order in which groups of candidates go


class Target(NamedTuple):
    """A Workload that must go, and the reason that its condition `Preempted` gets."""

    workload: Object
    reason: str
    node: Node


@dataclass(frozen=True)
class Case:
    """A Workload that lacks quota: its queue, what it asks for, where it lacks, and who holds quota of every queue.

    `fair` names the strategies of fair sharing in their order; none while it is off.
    """

    workload: Object
    queue: Object
    node: Node
    needs: Usage
    lacking: frozenset[Key]
    holding: Mapping[str, Sequence[Object]]
    born: Callable[[Object], int]
    fair: tuple[str, ...] = ()

    @property
    def policy(self) -> Object:
        """What the queue says of preemption."""
        found: Object = self.queue["spec"]["preemption"]
        return found

    @property
    def may_borrow(self) -> bool:
        """Tell whether others may be preempted although the queue borrows for it."""
        return bool((self.policy.get("borrowWithinCohort") or {}).get("policy", "Never") != "Never")

    @property
    def may_preempt_beyond(self) -> bool:
        """Tell whether others may be preempted for more than the queue has."""
        return self.may_borrow or bool(self.fair and self.policy["reclaimWithinCohort"] != "Never")

    def fits(self, *, borrowing: bool) -> bool:
        """Tell whether it fits at this moment of the simulation."""
        return all(
            amount <= self.node.available(key) and (borrowing or not self.node.exceeds(key, amount))
            for key, amount in self.needs.items()
        )


@dataclass(eq=False)
class Candidate:
    """A Workload that might go; `below` is the cohort that its queue shares with the other one."""

    workload: Object
    node: Node
    group: int
    reason: str
    below: Node | None = None
    usage: Usage = field(init=False)

    def __post_init__(self) -> None:
        self.usage = cohorts.usage_of([self.workload])

    def go(self) -> None:
        """Leave the tree."""
        self.node.give_all(self.usage)

    def come_back(self) -> None:
        """Take the place in the tree again."""
        self.node.take_all(self.usage)

    def rank(self) -> tuple[bool, int, int, int]:
        """Evicted ones first, then by group, lowest priority, latest reservation."""
        stamp = str((condition(self.workload, "QuotaReserved") or {}).get("lastTransitionTime", ""))
        reserved = int("".join(filter(str.isdigit, stamp)) or 0)
        return not is_true(self.workload, "Evicted"), self.group, priority_of(self.workload), -reserved


def priority_of(workload: Object) -> int:
    """Give a Workload's priority."""
    return int(workload["spec"].get("priority", 0))


def after(gone: Sequence[Target], look: Callable[[], int]) -> int:
    """Look at the tree as it would be without some Workloads."""
    for target in gone:
        target.node.give_all(cohorts.usage_of([target.workload]))
    found = look()
    for target in gone:
        target.node.take_all(cohorts.usage_of([target.workload]))
    return found


def spare(case: Case, gone: list[Candidate], *, borrowing: bool) -> None:
    """Give back whom it fits without; the last one had to go."""
    for candidate in list(reversed(gone))[1:]:
        candidate.come_back()
        if case.fits(borrowing=borrowing):
            gone.remove(candidate)
        else:
            candidate.go()


def own(case: Case) -> Iterator[Candidate]:
    """Give those of the same queue that yield."""
    wanted = case.policy["withinClusterQueue"]
    for other in case.holding.get(case.node.name, ()):
        if yields(case, other, wanted) and uses(other, case.lacking):
            yield Candidate(other, case.node, SAME_QUEUE, OWN)


def uses(workload: Object, keys: frozenset[Key]) -> bool:
    """Tell whether a Workload holds some of these; asked of everybody, hence without reading quantities."""
    assignments = workload["status"]["admission"]["podSetAssignments"]
    return any((flavor, name) in keys for one in assignments for name, flavor in (one.get("flavors") or {}).items())


def yields(case: Case, other: Object, policy: str) -> bool:
    """Tell whether a policy lets a Workload be preempted by the case's."""
    mine, theirs = priority_of(case.workload), priority_of(other)
    if policy == "LowerOrNewerEqualPriority" and mine == theirs:
        return case.born(other) > case.born(case.workload)
    return policy == "Any" or (policy != "Never" and theirs < mine)
