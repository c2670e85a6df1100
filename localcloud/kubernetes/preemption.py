"""Who must go so that a Workload fits: Kueue's classical preemption (pkg/scheduler/preemption/classical), simulated on the tree of cohorts.

Candidates are taken away in order until the Workload fits, and then given back, the last first, as long as it still does. Those of other queues may
go only while their queue, and every cohort up to the common one, uses more than it has.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from localcloud.kubernetes import cohorts
from localcloud.kubernetes.cohorts import Key, Node, Usage
from localcloud.kubernetes.objects import Object, condition, is_true

OWN, RECLAIMED, WHILE_BORROWING = "InClusterQueue", "InCohortReclamation", "InCohortReclaimWhileBorrowing"
WORDS = {
    OWN: "prioritization in the ClusterQueue",
    RECLAIMED: "reclamation within the cohort",
    WHILE_BORROWING: "reclamation within the cohort while borrowing",
}
_BY_PLACE, _BY_PRIORITY, _SAME_QUEUE = range(3)  # the order in which groups of candidates go


class Target(NamedTuple):
    """A Workload that must go, and the reason that its condition `Preempted` gets."""

    workload: Object
    reason: str
    node: Node


@dataclass(frozen=True)
class Case:
    """A Workload that lacks quota: its queue, what it asks for, where it lacks, and who holds quota of every queue."""

    workload: Object
    queue: Object
    node: Node
    needs: Usage
    lacking: frozenset[Key]
    holding: Mapping[str, Sequence[Object]]
    born: Callable[[Object], int]

    @property
    def policy(self) -> Object:
        """What the queue says of preemption."""
        found: Object = self.queue["spec"]["preemption"]
        return found

    @property
    def may_borrow(self) -> bool:
        """Tell whether others may be preempted although the queue borrows for it."""
        return bool((self.policy.get("borrowWithinCohort") or {}).get("policy", "Never") != "Never")

    def fits(self, *, borrowing: bool) -> bool:
        """Tell whether it fits at this moment of the simulation."""
        return all(
            amount <= self.node.available(key) and (borrowing or not self.node.exceeds(key, amount))
            for key, amount in self.needs.items()
        )


@dataclass(eq=False)
class _Candidate:
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
        self.node.give_all(self.usage)

    def come_back(self) -> None:
        self.node.take_all(self.usage)

    def rank(self) -> tuple[bool, int, int, int]:
        """Evicted ones first, then by group, lowest priority, latest reservation."""
        stamp = str((condition(self.workload, "QuotaReserved") or {}).get("lastTransitionTime", ""))
        reserved = int("".join(filter(str.isdigit, stamp)) or 0)
        return not is_true(self.workload, "Evicted"), self.group, priority_of(self.workload), -reserved


def priority_of(workload: Object) -> int:
    """Give a Workload's priority."""
    return int(workload["spec"].get("priority", 0))


def targets(case: Case) -> list[Target]:
    """Give the fewest Workloads that must go; none when nobody's going would help."""
    candidates = sorted([*_own(case), *_others(case)], key=_Candidate.rank)
    for borrowing in _attempts(case, candidates):
        if found := _attempt(case, candidates, borrowing=borrowing):
            return found
    return []


def after(gone: Sequence[Target], look: Callable[[], int]) -> int:
    """Look at the tree as it would be without some Workloads."""
    for target in gone:
        target.node.give_all(cohorts.usage_of([target.workload]))
    found = look()
    for target in gone:
        target.node.take_all(cohorts.usage_of([target.workload]))
    return found


def _attempts(case: Case, candidates: Sequence[_Candidate]) -> tuple[bool, ...]:
    """Give, in order, whether the queue may borrow once the others are gone."""
    groups = {candidate.group for candidate in candidates}
    if groups <= {_SAME_QUEUE}:
        return (True,)
    if case.may_borrow or (_BY_PLACE in groups and _is_under_nominal(case)):
        return True, False
    return (False, True) if _is_under_nominal(case) else (True,)


def _is_under_nominal(case: Case) -> bool:
    return all(case.node.used(key) < case.node.quota(key).nominal for key in case.lacking)


def _attempt(case: Case, candidates: Sequence[_Candidate], *, borrowing: bool) -> list[Target]:
    gone: list[_Candidate] = []
    try:
        for candidate in candidates:
            if _may_go(case, candidate, borrowing=borrowing):
                candidate.go()
                gone.append(candidate)
                if case.fits(borrowing=borrowing):
                    _spare(case, gone, borrowing=borrowing)
                    return [Target(one.workload, one.reason, one.node) for one in gone]
        return []
    finally:
        for candidate in gone:
            candidate.come_back()


def _spare(case: Case, gone: list[_Candidate], *, borrowing: bool) -> None:
    """Give back whom it fits without; the last one had to go."""
    for candidate in list(reversed(gone))[1:]:
        candidate.come_back()
        if case.fits(borrowing=borrowing):
            gone.remove(candidate)
        else:
            candidate.go()


def _may_go(case: Case, candidate: _Candidate, *, borrowing: bool) -> bool:
    if candidate.group == _SAME_QUEUE:
        return True
    if borrowing and candidate.group == _BY_PRIORITY and candidate.reason != WHILE_BORROWING:
        return False
    for node in (candidate.node, *candidate.node.above()):
        if node is candidate.below:
            break
        if not _is_over(node, case.lacking):
            return False
    return True


def _is_over(node: Node, keys: frozenset[Key]) -> bool:
    return any(node.exceeds(key) for key in keys)


def _own(case: Case) -> Iterator[_Candidate]:
    wanted = case.policy["withinClusterQueue"]
    for other in case.holding.get(case.node.name, ()):
        if _yields(case, other, wanted) and _uses(other, case.lacking):
            yield _Candidate(other, case.node, _SAME_QUEUE, OWN)


def _uses(workload: Object, keys: frozenset[Key]) -> bool:
    """Tell whether a Workload holds some of these; asked of everybody, hence without reading quantities."""
    assignments = workload["status"]["admission"]["podSetAssignments"]
    return any((flavor, name) in keys for one in assignments for name, flavor in (one.get("flavors") or {}).items())


def _yields(case: Case, other: Object, policy: str) -> bool:
    """Tell whether a policy lets a Workload be preempted by the case's."""
    mine, theirs = priority_of(case.workload), priority_of(other)
    if policy == "LowerOrNewerEqualPriority" and mine == theirs:
        return case.born(other) > case.born(case.workload)
    return policy == "Any" or (policy != "Never" and theirs < mine)


def _others(case: Case) -> Iterator[_Candidate]:
    """Give those of other queues, cohort by cohort upwards.

    Where what the Workload asks for fits into what a queue or cohort has, it is at home there: whoever uses more from further away must go,
    whatever `borrowWithinCohort` says.
    """
    if case.policy["reclaimWithinCohort"] == "Never":
        return
    at_home, needs = _fit_quota(case.node, case.needs)
    before: Node | None = None
    for cohort in case.node.above():
        for leaf in _borrowers(cohort, before, case):
            yield from _of_queue(case, leaf, cohort, at_home=at_home)
        fits, needs = _fit_quota(cohort, needs)
        at_home, before = at_home or fits, cohort


def _fit_quota(node: Node, needs: Usage) -> tuple[bool, Usage]:
    fits = not any(node.exceeds(key, amount) for key, amount in needs.items())
    return fits, {key: max(amount - node.left(key), amount * 0) for key, amount in needs.items()}


def _borrowers(cohort: Node, skipped: Node | None, case: Case) -> Iterator[Node]:
    """Give the queues below a cohort that use more than they have, and whose cohorts do."""
    for member in cohort.members:
        if member is skipped or member is case.node or not _is_over(member, case.lacking):
            continue
        if member.is_queue:
            yield member
        else:
            yield from _borrowers(member, skipped, case)


def _of_queue(case: Case, leaf: Node, cohort: Node, *, at_home: bool) -> Iterator[_Candidate]:
    for other in case.holding.get(leaf.name, ()):
        if _yields(case, other, case.policy["reclaimWithinCohort"]) and _uses(other, case.lacking):
            while_borrowing = not at_home and case.may_borrow and _is_below_threshold(case, other)
            group = _BY_PLACE if at_home else _BY_PRIORITY
            yield _Candidate(other, leaf, group, WHILE_BORROWING if while_borrowing else RECLAIMED, cohort)


def _is_below_threshold(case: Case, other: Object) -> bool:
    threshold = (case.policy.get("borrowWithinCohort") or {}).get("maxPriorityThreshold")
    theirs = priority_of(other)
    return theirs < priority_of(case.workload) and (threshold is None or theirs <= threshold)
