"""Who must go so that a Workload fits: Kueue's classical preemption (pkg/scheduler/preemption/classical), simulated on the tree of cohorts.

Candidates are taken away in order until the Workload fits, and then given back, the last first, as long as it still does. Those of other queues may
go only while their queue, and every cohort up to the common one, uses more than it has.
"""

from collections.abc import Iterator, Sequence

from localcloud.kubernetes.cohorts import Key, Node, Usage
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.preemption_cases import (
    BY_PLACE,
    BY_PRIORITY,
    RECLAIMED,
    SAME_QUEUE,
    WHILE_BORROWING,
    Candidate,
    Case,
    Target,
    own,
    priority_of,
    spare,
    uses,
    yields,
)


def targets(case: Case) -> list[Target]:
    """Give the fewest Workloads that must go; none when nobody's going would help."""
    candidates = sorted([*own(case), *_others(case)], key=Candidate.rank)
    for borrowing in _attempts(case, candidates):
        if found := _attempt(case, candidates, borrowing=borrowing):
            return found
    return []


def _attempts(case: Case, candidates: Sequence[Candidate]) -> tuple[bool, ...]:
    """Give, in order, whether the queue may borrow once the others are gone."""
    groups = {candidate.group for candidate in candidates}
    if groups <= {SAME_QUEUE}:
        return (True,)
    if case.may_borrow or (BY_PLACE in groups and _is_under_nominal(case)):
        return True, False
    return (False, True) if _is_under_nominal(case) else (True,)


def _is_under_nominal(case: Case) -> bool:
    return all(case.node.used(key) < case.node.quota(key).nominal for key in case.lacking)


def _attempt(case: Case, candidates: Sequence[Candidate], *, borrowing: bool) -> list[Target]:
    gone: list[Candidate] = []
    try:
        for candidate in candidates:
            if _may_go(case, candidate, borrowing=borrowing):
                candidate.go()
                gone.append(candidate)
                if case.fits(borrowing=borrowing):
                    spare(case, gone, borrowing=borrowing)
                    return [Target(one.workload, one.reason, one.node) for one in gone]
        return []
    finally:
        for candidate in gone:
            candidate.come_back()


def _may_go(case: Case, candidate: Candidate, *, borrowing: bool) -> bool:
    if candidate.group == SAME_QUEUE:
        return True
    if borrowing and candidate.group == BY_PRIORITY and candidate.reason != WHILE_BORROWING:
        return False
    for node in (candidate.node, *candidate.node.above()):
        if node is candidate.below:
            break
        if not _is_over(node, case.lacking):
            return False
    return True


def _is_over(node: Node, keys: frozenset[Key]) -> bool:
    return any(node.exceeds(key) for key in keys)


def _others(case: Case) -> Iterator[Candidate]:
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


def _of_queue(case: Case, leaf: Node, cohort: Node, *, at_home: bool) -> Iterator[Candidate]:
    for other in case.holding.get(leaf.name, ()):
        if yields(case, other, case.policy["reclaimWithinCohort"]) and uses(other, case.lacking):
            while_borrowing = not at_home and case.may_borrow and _is_below_threshold(case, other)
            group = BY_PLACE if at_home else BY_PRIORITY
            yield Candidate(other, leaf, group, WHILE_BORROWING if while_borrowing else RECLAIMED, cohort)


def _is_below_threshold(case: Case, other: Object) -> bool:
    threshold = (case.policy.get("borrowWithinCohort") or {}).get("maxPriorityThreshold")
    theirs = priority_of(other)
    return theirs < priority_of(case.workload) and (threshold is None or theirs <= threshold)
