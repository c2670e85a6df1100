"""Dominant resource shares: how much more than its own a queue or a cohort uses, of what could be lent to it (Kueue's pkg/cache, fair_sharing.go).

For every resource, over all flavors: what is borrowed, in thousandths of what the cohort above could lend if nobody used anything. The largest of
these, divided by the weight, is the share; whoever has a smaller one is served first.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from localcloud.kubernetes.cohorts import Key, Node, Usage

ENDLESS = 2**63 - 1  # what Kueue writes for the share of a borrower without weight
_NOTHING = Fraction(0)


@dataclass(frozen=True)
class Share:
    """A share as it is compared: `ratio` is unweighted, in thousandths; `borrowed` says of which resources."""

    weight: Fraction = Fraction(1)
    ratio: Fraction = _NOTHING
    borrowed: frozenset[Key] = frozenset()

    @property
    def is_endless(self) -> bool:
        """Tell whether somebody borrows who has no weight."""
        return not self.weight and bool(self.borrowed)

    def order(self) -> tuple[bool, Fraction]:
        """Sort key; two endless shares are told apart by their ratios."""
        if self.is_endless or not self.ratio:
            return self.is_endless, self.ratio
        return False, self.ratio / self.weight

    def written(self) -> int:
        """Give `weightedShare` as a status has it: rounded up."""
        return ENDLESS if self.is_endless else math.ceil(self.order()[1])

    def is_borrowing_any_of(self, usage: Usage) -> bool:
        """Tell whether something is borrowed that this usage has a part in."""
        return any(usage.get(key) for key in self.borrowed)


def share_of(node: Node) -> Share:
    """Give the share of a queue or a cohort at this moment; one that belongs to no cohort has none."""
    if node.parent is None:
        return Share(node.weight)
    over = {key: node.used(key) - node.total(key) for key in node.covered() if node.exceeds(key)}
    if not over:
        return Share(node.weight)
    lendable = _by_resource({key: node.parent.capacity(key) for key in node.root().covered()})
    borrowed = _by_resource(over)
    ratios = (1000 * amount / lendable[name] for name, amount in borrowed.items() if lendable.get(name))
    return Share(node.weight, max(ratios, default=_NOTHING), frozenset(over))


def _by_resource(amounts: Mapping[Key, Fraction]) -> dict[str, Fraction]:
    total: dict[str, Fraction] = {}
    for (_, resource), amount in amounts.items():
        total[resource] = total.get(resource, _NOTHING) + amount
    return total


def below(node: Node, cohort: Node) -> Node:
    """Give the member of a cohort that a queue below it is, or belongs to."""
    found = node
    for found in (node, *node.above()):
        if found.parent is cohort:
            return found
    raise LookupError(f"{node.name} is not below {cohort.name}")
