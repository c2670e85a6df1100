"""Who must go so that a Workload fits, when quota is shared fairly (Kueue's pkg/scheduler/preemption, fairsharing).

With the Workload counted in, the queue with the largest share gives first, cohort by cohort downwards. Whether one of its Workloads goes is for the
first strategy to say; those that it spares are asked about once more by the second. A queue that stays within its own quota needs no strategy: it
takes back what is its own, as it does by default since Kueue 0.17.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from localcloud.kubernetes.cohorts import Node
from localcloud.kubernetes.preemption_cases import (
    BY_PRIORITY,
    FAIR,
    RECLAIMED,
    Candidate,
    Case,
    Target,
    own,
    spare,
    uses,
    yields,
)
from localcloud.kubernetes.shares import Share, below, share_of

FINAL, INITIAL = "LessThanOrEqualToFinalShare", "LessThanInitialShare"
_STRATEGIES: dict[str, Callable[[Share, Share, Share], bool]] = {  # the asker's share; the giver's before and after
    FINAL: lambda mine, _, later: mine.order() <= later.order(),
    INITIAL: lambda mine, before, _: mine.order() < before.order(),
}


def targets(case: Case) -> list[Target]:
    """Give the fewest Workloads that must go; none when nobody's going would help."""
    candidates = sorted([*own(case), *_others(case)], key=Candidate.rank)
    gone: list[Candidate] = []
    case.node.take_all(case.needs)
    picks = _picks(case, candidates)
    found = any(_fits_after(case, candidate, gone) for candidate in picks)
    case.node.give_all(case.needs)
    if found:
        spare(case, gone, borrowing=True)
    for candidate in gone:
        candidate.come_back()
    return [Target(one.workload, one.reason, one.node) for one in gone] if found else []


def _fits_after(case: Case, candidate: Candidate, gone: list[Candidate]) -> bool:
    """Take a candidate away, and tell whether that is enough."""
    candidate.go()
    gone.append(candidate)
    case.node.give_all(case.needs)
    fits = case.fits(borrowing=True)
    case.node.take_all(case.needs)
    return fits


def _others(case: Case) -> Iterator[Candidate]:
    """Give those of other queues of the tree that borrow what is lacking."""
    policy = case.policy["reclaimWithinCohort"]
    if policy == "Never" or case.node.parent is None:
        return
    at_home = not any(case.node.exceeds(key, case.needs[key]) for key in case.lacking)
    for leaf in _leaves(case.node.root()):
        if leaf is not case.node and any(leaf.exceeds(key) for key in case.lacking):
            for other in case.holding.get(leaf.name, ()):
                if yields(case, other, policy) and uses(other, case.lacking):
                    yield Candidate(other, leaf, BY_PRIORITY, RECLAIMED if at_home else FAIR)


def _leaves(node: Node) -> Iterator[Node]:
    for member in node.members:
        yield from [member] if member.is_queue else _leaves(member)


def _picks(case: Case, candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """Give, one by one, who goes next; whoever asks takes each away before he asks for another."""
    spared: list[Candidate] = []
    yield from _by_first_strategy(case, _Turns(case.node, candidates), spared)
    if len(case.fair) > 1:
        yield from _by_second_strategy(case, _Turns(case.node, spared))


def _by_first_strategy(case: Case, turns: "_Turns", spared: list[Candidate]) -> Iterator[Candidate]:
    agrees = _STRATEGIES[case.fair[0]]
    while queue := turns.next():
        mine, before = _shares(case, queue)
        while queue in turns:
            candidate = turns.pop(queue)
            if candidate.reason != FAIR or agrees(mine, before, _share_without(case, candidate)):
                yield candidate
                break  # another queue may have the largest share now
            spared.append(candidate)


def _by_second_strategy(case: Case, turns: "_Turns") -> Iterator[Candidate]:
    while queue := turns.next():
        mine, before = _shares(case, queue)
        if _STRATEGIES[INITIAL](mine, before, before):
            yield turns.pop(queue)
        turns.drop(queue)  # one of each queue is enough


def _shares(case: Case, queue: Node) -> tuple[Share, Share]:
    """The shares of the asker and of the giver, or of the cohorts that they belong to below the one they have in common."""
    if queue is case.node:
        return Share(), Share()
    common = _common(case.node, queue)
    return share_of(below(case.node, common)), share_of(below(queue, common))


def _share_without(case: Case, candidate: Candidate) -> Share:
    candidate.go()
    found = _shares(case, candidate.node)[1]
    candidate.come_back()
    return found


def _common(one: Node, other: Node) -> Node:
    above = list(one.above())
    return next(cohort for cohort in other.above() if cohort in above)


@dataclass
class _Turns:
    """Whose turn it is to give: from the root downwards the member with the largest share that has candidates and borrows.

    The asker's own queue and cohorts count even when they do not borrow.
    """

    asker: Node
    candidates: Sequence[Candidate]
    _left: dict[Node, list[Candidate]] = field(default_factory=dict)
    _closed: set[Node] = field(default_factory=set)

    def __post_init__(self) -> None:
        for candidate in self.candidates:
            self._left.setdefault(candidate.node, []).append(candidate)

    def __contains__(self, queue: object) -> bool:
        return bool(isinstance(queue, Node) and self._left.get(queue))

    def pop(self, queue: Node) -> Candidate:
        """Take the next candidate of a queue."""
        return self._left[queue].pop(0)

    def drop(self, queue: Node) -> None:
        """Ask a queue no more."""
        self._closed.add(queue)

    def next(self) -> Node | None:
        """Give the queue whose turn it is, or None when no queue has anything to give."""
        root = self.asker.root()
        if root is self.asker:
            return root if root in self else None
        while root not in self._closed:
            if found := self._largest(root):
                return found
        return None

    def _largest(self, cohort: Node) -> Node | None:
        """Go down once; None when that has only closed a cohort without candidates."""
        queues = sorted(
            (m for m in cohort.members if m.is_queue and self._is_open(m)), key=lambda q: self._left[q][0].rank()
        )
        groups = [m for m in cohort.members if not m.is_queue and self._is_open(m)]
        found = max([*groups, *queues], key=lambda member: share_of(member).order(), default=None)
        if found is None:
            self.drop(cohort)
        return found if found is None or found.is_queue else self._largest(found)

    def _is_open(self, member: Node) -> bool:
        counts = member is self.asker or member in self.asker.above() or share_of(member).ratio > 0
        if not counts or (member.is_queue and member not in self):
            self.drop(member)
        return member not in self._closed
