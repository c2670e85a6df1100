"""Which flavor a job would get its resources from, in the order of its queue, and what stands in the way.

The steps are those of Kueue's flavor assigner (pkg/scheduler/flavorassigner): all resources of a group come from one flavor, whose nodes must be
those that the job wants; then its amounts are compared with what could ever be had and with what is free. A job that others might be stopped for
waits until they have stopped, so preemption is `later`, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from dropforge.domain.fits import ORDER, Fit, Holder, Need, worst
from dropforge.domain.quantities import Amounts, write
from dropforge.domain.queueing import ClusterQueue, Flavor, Queueing
from dropforge.domain.quotas import Group, Key, Node

PODS = "pods"  # counted by Kueue where a queue has a quota of them, though no container asks for any
_KEEPS_OUT = ("NoSchedule", "NoExecute")


def by_quota(queueing: Queueing, queue: ClusterQueue, need: Need) -> Fit:
    """Return what quota and flavors say of a job, nothing else considered."""
    covered = {name for group in queue.spec.groups for name in group.covered}
    amounts = need.amounts | ({PODS: Fraction(need.pods)} if PODS in covered else {})
    missing = sorted(amounts.keys() - covered)
    if missing:
        return Fit(answer="never", why=f"The team's quota says nothing of {', '.join(missing)}.")
    search = _Search(queueing, queue, need, queueing.trees())
    found = [search.run(group, wanted) for group in queue.spec.groups if (wanted := _of_group(group, amounts))]
    return _together(found)


def _of_group(group: Group, amounts: Amounts) -> Amounts:
    return {name: amount for name, amount in amounts.items() if name in group.covered}


def _together(found: list[Fit]) -> Fit:
    """Return the worst of a job's groups, with what all of them borrow and use."""
    if not found:
        return Fit(answer="now", why="It asks for nothing that is counted.")
    flavors = tuple(dict.fromkeys(name for fit in found for name in fit.flavors))
    borrowed = tuple(words for fit in found for words in fit.borrowed)
    return worst(found).model_copy(update={"flavors": flavors, "borrowed": borrowed})


@dataclass(frozen=True)
class _Search:
    """The search for a flavor for each group of resources."""

    queueing: Queueing
    queue: ClusterQueue
    need: Need
    trees: Mapping[str, Node]

    def run(self, group: Group, wanted: Amounts) -> Fit:
        """Return the best of the group's flavors. The first that others may be stopped for ends the search, if the queue says so."""
        found = [self._try(flavor.name, wanted) for flavor in group.flavors]
        if self.queue.spec.fungibility.preempting != "TryNextFlavor":
            first = next((n for n, fit in enumerate(found) if fit.answer != "never"), 0)
            found = found[: first + 1] if found and found[first].answer == "later" else found
        return _best(found)

    def _try(self, name: str, wanted: Amounts) -> Fit:
        flavor = next((one for one in self.queueing.flavors if one.metadata.name == name), None)
        if flavor is None:
            return Fit(answer="never", why=f"The ResourceFlavor {name} is not on the cluster.")
        mismatch = self._mismatch(flavor)
        return mismatch if mismatch.answer == "never" else worst((self._amounts(name, wanted), mismatch))

    def _mismatch(self, flavor: Flavor) -> Fit:
        name, labels = flavor.metadata.name, flavor.spec.labels
        wrong = [f"{key}={label}" for key, label in self.need.nodes.items() if labels.get(key, label) != label]
        if wrong:
            return Fit(answer="never", why=f"The nodes of {name} are not those that it wants ({', '.join(wrong)}).")
        closed = [taint for taint in flavor.spec.taints if not _tolerated(taint, flavor)]
        if closed:
            return Fit(answer="never", why=f"The nodes of {name} are closed by the taint {closed[0].get('key')}.")
        return self._doubt(flavor)

    def _doubt(self, flavor: Flavor) -> Fit:
        name = flavor.metadata.name
        if flavor.spec.topology and not self._all_have_topologies():
            return Fit(answer="never", why=f"{name} takes only jobs that ask for a place in its topology.")
        if flavor.spec.topology:
            return Fit(
                answer="unknown",
                why=f"Quota is free; whether nodes of the topology {flavor.spec.topology} are, we do not read.",
            )
        if self.need.nodes.keys() - flavor.spec.labels.keys():
            return Fit(
                answer="unknown",
                why=f"Quota is free; whether nodes of {name} are those that it wants, the flavor does not say.",
            )
        return Fit(answer="now", why="Nothing stands in the way.")

    def _all_have_topologies(self) -> bool:
        """Whether Kueue gives jobs of this queue a place in a topology although they do not ask for one."""
        named = {flavor.name for group in self.queue.spec.groups for flavor in group.flavors}
        return all(one.spec.topology for one in self.queueing.flavors if one.metadata.name in named)

    def _amounts(self, flavor: str, wanted: Amounts) -> Fit:
        node = self.trees[self.queue.metadata.name]
        for resource, amount in wanted.items():
            most = node.capacity((flavor, resource))
            if amount > most:
                why = f"It asks for {write(amount)} of {resource} on {flavor}; the team may have {write(most)} at most, borrowed quota included."
                return Fit(answer="never", why=why)
        short = {name: left for name, amount in wanted.items() if (left := amount - node.available((flavor, name))) > 0}
        return self._later(flavor, short) if short else self._now(flavor, wanted)

    def _now(self, flavor: str, wanted: Amounts) -> Fit:
        node = self.trees[self.queue.metadata.name]
        lent = {name: node.borrows((flavor, name), amount) for name, amount in wanted.items()}
        borrowed = tuple(f"{write(amount)} of {name} on {flavor}" for name, amount in lent.items() if amount)
        why = f"Quota on {flavor} is free{', borrowed from other teams' if borrowed else ''}."
        return Fit(answer="now", why=why, flavors=(flavor,), borrowed=borrowed)

    def _later(self, flavor: str, short: Amounts) -> Fit:
        lacking = ", ".join(f"{write(amount)} more of {name}" for name, amount in short.items())
        holders = tuple(one for name in short for one in self._holders((flavor, name)))
        return Fit(answer="later", why=f"{lacking} on {flavor} must become free.", flavors=(flavor,), holders=holders)

    def _holders(self, key: Key) -> list[Holder]:
        """Return the team's jobs that hold a resource, then the other queues that share it."""
        own, mine = self.queue.metadata.name, self.trees[self.queue.metadata.name]
        others = [node for node in self.trees.values() if node.name != own and mine.parent and node.top() is mine.top()]
        found = [("job", one.name, one.holds(key)) for one in self.queueing.workloads]
        found += [("queue", node.name, node.used(key)) for node in others]
        return [
            Holder.model_validate(
                {"kind": kind, "name": name, "amount": write(held), "resource": key[1], "flavor": key[0]}
            )
            for kind, name, held in found
            if held
        ]


def _best(found: list[Fit]) -> Fit:
    """Return the best of the flavors' answers; when none can ever be had, what each of them says."""
    if not found:
        return Fit(answer="never", why="The team's quota names no flavor.")
    best = min(found, key=lambda fit: ORDER.index(fit.answer))
    return best if best.answer != "never" else best.model_copy(update={"why": " ".join(fit.why for fit in found)})


def _tolerated(taint: Mapping[str, str], flavor: Flavor) -> bool:
    """Whether the flavor itself lets jobs onto its tainted nodes; ours tolerate nothing."""
    if taint.get("effect") not in _KEEPS_OUT:
        return True
    return any(
        one.get("key") in (None, taint.get("key"))
        and one.get("effect") in (None, "", taint.get("effect"))
        and (one.get("operator") == "Exists" or one.get("value", "") == taint.get("value", ""))
        for one in flavor.spec.tolerations
    )
