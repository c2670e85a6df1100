"""Whose turn it is to get quota, when it is shared fairly (Kueue's pkg/scheduler, fair_sharing_iterator.go).

A tournament: in every cohort the members put forward one Workload each, and the one wins after whose admission its member would borrow nothing of
what it asks for, then have the smallest share; then the higher priority, then the older one. The root's winner is next, and with what it has taken
meanwhile the next tournament begins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from localcloud.kubernetes.cohorts import Node, Usage
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.shares import below, share_of


@dataclass(frozen=True)
class Entry:
    """The first Workload of a queue, with what it would use, and the precedence it has beside others of the same share."""

    workload: Object
    node: Node
    usage: Usage
    precedence: tuple[int, int]


def in_turn(entries: Sequence[Entry]) -> Iterator[Object]:
    """Give the Workloads one by one; the tree is looked at anew before each."""
    left = {entry.node: entry for entry in sorted(entries, key=lambda entry: entry.precedence)}
    while left:
        first = next(iter(left))
        winner = left[first] if first.parent is None else _winner(first.root(), left)
        if winner is None:
            raise AssertionError(first.name)  # `first` takes part in its own root's tournament
        del left[winner.node]
        yield winner.workload


def _winner(cohort: Node, left: dict[Node, Entry]) -> Entry | None:
    found = (left.get(member) if member.is_queue else _winner(member, left) for member in cohort.members)
    return min((entry for entry in found if entry), key=lambda entry: _standing(entry, cohort), default=None)


def _standing(entry: Entry, cohort: Node) -> tuple[bool, tuple[bool, Fraction], Any]:
    entry.node.take_all(entry.usage)
    share = share_of(below(entry.node, cohort))
    entry.node.give_all(entry.usage)
    return share.is_borrowing_any_of(entry.usage), share.order(), entry.precedence
