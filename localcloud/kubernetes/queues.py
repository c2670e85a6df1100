"""A look at all queues at one moment: who waits where, who holds quota, and what stands in the way.

`reserve` keeps it true during one round of admission; what must go for others is promised by `promise` and nobody else gets it meanwhile.
"""

from collections import deque
from collections.abc import Iterator

from localcloud.kubernetes import cohorts, fair_turns, quota
from localcloud.kubernetes.api import Api
from localcloud.kubernetes.cohorts import Node, Usage
from localcloud.kubernetes.grounds import Grounds
from localcloud.kubernetes.objects import Object, dig, is_deleted, is_true, name_of, namespace_of, uid_of
from localcloud.kubernetes.preemption_cases import Case, Target, priority_of
from localcloud.kubernetes.resources import CLUSTER_QUEUES, COHORTS, FLAVORS, LOCAL_QUEUES, NAMESPACES, WORKLOADS
from localcloud.kubernetes.selectors import by_label_object
from localcloud.kubernetes.shares import share_of
from localcloud.kubernetes.workloads import admission_queue


class Queues:
    """Everything about queues, read once; `fair` names the strategies of fair sharing, none while it is off."""

    def __init__(self, api: Api, fair: tuple[str, ...] = ()) -> None:
        self._api = api
        self.fair = fair
        self.cluster = {name_of(q): q for q in api.store.all_of(CLUSTER_QUEUES)}
        self.local = {(namespace_of(q), name_of(q)): q for q in api.store.all_of(LOCAL_QUEUES)}
        self.flavors = {name_of(f): f for f in api.store.all_of(FLAVORS)}
        self.grounds = Grounds(api, self.flavors)
        self.cohorts = {name_of(c): c for c in api.store.all_of(COHORTS)}
        self._nodes, self._groups = cohorts.forest(self.cluster.values(), list(self.cohorts.values()))
        self._holding: dict[str, list[Object]] = {}
        self._promised: list[tuple[Node, Usage]] = []
        self._claimed: set[str] = set()
        open_workloads = [w for w in api.store.all_of(WORKLOADS) if not is_true(w, "Finished") and not is_deleted(w)]
        self.waiting = [w for w in open_workloads if not admission_queue(w) and w["spec"].get("active", True)]
        for workload in sorted(open_workloads, key=api.store.born, reverse=True):
            if admission_queue(workload):
                self.reserve(workload)

    def reserve(self, workload: Object) -> None:
        """Count a Workload among those that hold quota."""
        name = admission_queue(workload)
        self._holding.setdefault(name, []).append(workload)
        self.grounds.settle(workload)
        if name in self._nodes:
            self._nodes[name].take_all(cohorts.usage_of([workload]))

    def reserving(self, queue: str) -> list[Object]:
        """Give the Workloads that hold quota of a ClusterQueue."""
        return self._holding.get(queue, [])

    def in_turn(self) -> Iterator[Object]:
        """Give the Workloads that want quota, in rounds as Kueue's scheduler does.

        A round has the first of every queue: those first that would borrow from least far, then the highest priority, then the oldest. With fair
        sharing, shares come before these.
        """
        ordered = sorted(self.waiting, key=self._precedence)
        lines: dict[str, deque[Object]] = {}
        for workload in ordered:
            lines.setdefault(name_of(self.queue_of(workload) or _NOWHERE), deque()).append(workload)
        while lines:
            heads = [line.popleft() for line in lines.values()]
            lines = {name: line for name, line in lines.items() if line}
            yield from self._fairly(heads) if self.fair else sorted(heads, key=self._by_height)

    def _fairly(self, heads: list[Object]) -> Iterator[Object]:
        entries = []
        for workload in heads:
            queue = self.queue_of(workload)
            if queue is None:
                yield workload
            else:
                case = self.case(queue, workload)
                usage = self.assign(case).usage
                entries.append(fair_turns.Entry(workload, case.node, usage, self._precedence(workload)))
        yield from fair_turns.in_turn(entries)

    def _by_height(self, workload: Object) -> tuple[int, ...]:
        return self._height(workload), *self._precedence(workload)

    def _precedence(self, workload: Object) -> tuple[int, int]:
        return -priority_of(workload), self._api.store.born(workload)

    def _height(self, workload: Object) -> int:
        queue = self.queue_of(workload)
        if queue is None or not queue["spec"].get("cohortName"):
            return 0
        return self.assign(self.case(queue, workload)).height

    def assign(self, case: Case) -> quota.Assignment:
        """Find flavors for a Workload."""
        return quota.assign(case, quota.Flavors(self.flavors, self.grounds.levels))

    def case(self, queue: Object, workload: Object) -> Case:
        """Give a Workload with its queue, its place in the tree, and who holds quota."""
        node = self._nodes[name_of(queue)]
        return Case(workload, queue, node, {}, frozenset(), self._holding, self._api.store.born, self.fair)

    def share(self, queue_or_cohort: Object) -> int | None:
        """Give the weighted share of a ClusterQueue or a Cohort; None while quota is not shared fairly."""
        nodes = self._groups if queue_or_cohort["kind"] == "Cohort" else self._nodes
        node = nodes.get(name_of(queue_or_cohort))
        return share_of(node).written() if node and self.fair else None

    def promise(self, case: Case, gone: list[Target]) -> None:
        """Keep for a Workload what others free for it."""
        self._promised.append((case.node, case.needs))
        self._claimed |= {uid_of(target.workload) for target in gone}

    def is_claimed(self, gone: list[Target]) -> bool:
        """Tell whether somebody of these goes already for another Workload."""
        return any(uid_of(target.workload) in self._claimed for target in gone)

    def fits_beside_promises(self, node: Node, usage: Usage) -> bool:
        """Tell whether something fits that nobody else waits for."""
        for holder, promised in self._promised:
            holder.take_all(promised)
        fits = all(amount <= node.available(key) for key, amount in usage.items())
        for holder, promised in self._promised:
            holder.give_all(promised)
        return fits

    def queue_of(self, workload: Object) -> Object | None:
        """Give the ClusterQueue a Workload is queued for."""
        local = self.local_of(workload)
        return self.cluster.get(local["spec"]["clusterQueue"]) if local else None

    def local_of(self, workload: Object) -> Object | None:
        """Give the LocalQueue a Workload is queued in."""
        return self.local.get((namespace_of(workload), workload["spec"].get("queueName", "")))

    def obstacle(self, workload: Object) -> tuple[str, str] | None:
        """Give the reason and message why a Workload cannot even be considered, or None."""
        local, queue = self.local_of(workload), self.queue_of(workload)
        if local is None:
            return "Inadmissible", f"LocalQueue {workload['spec'].get('queueName')} doesn't exist"
        if local["spec"].get("stopPolicy", "None") != "None":
            return "Inadmissible", f"LocalQueue {name_of(local)} is stopped"
        if queue is None:
            return "Inadmissible", f"ClusterQueue {local['spec']['clusterQueue']} doesn't exist"
        return self._queue_obstacle(queue) or self._namespace_obstacle(workload, queue)

    def _queue_obstacle(self, queue: Object) -> tuple[str, str] | None:
        name = name_of(queue)
        if queue["spec"]["stopPolicy"] != "None":
            return "Inadmissible", f"ClusterQueue {name} is stopped"
        if (
            self.missing_flavors(queue)
            or self.missing_topologies(queue)
            or is_deleted(queue)
            or self._nodes[name].in_circle
        ):
            return "Inadmissible", f"ClusterQueue {name} is inactive"
        return None

    def _namespace_obstacle(self, workload: Object, queue: Object) -> tuple[str, str] | None:
        namespace = self._api.store.get(NAMESPACES, "", namespace_of(workload)) or {"metadata": {}}
        if by_label_object(queue["spec"].get("namespaceSelector"))(namespace):
            return None
        return "Pending", "Workload namespace doesn't match ClusterQueue selector"

    def missing_flavors(self, queue: Object) -> list[str]:
        """Give the flavors that a queue names and nobody has made."""
        return [entry["name"] for entry in flavor_quotas(queue) if entry["name"] not in self.flavors]

    def missing_topologies(self, queue: Object) -> list[tuple[str, str]]:
        """Give the topologies that a queue's flavors name and nobody has made, each with its flavor."""
        named = [(self.grounds.topology_of(entry["name"]), entry["name"]) for entry in flavor_quotas(queue)]
        return [(topology, flavor) for topology, flavor in named if topology and flavor not in self.grounds.levels]

    def drained(self, workload: Object) -> str:
        """Give the kind of queue that drains an admitted Workload, or an empty string."""
        local = self.local_of(workload)
        queue = self.cluster.get(admission_queue(workload))
        if dig(queue, "spec", "stopPolicy") == "HoldAndDrain":
            return "ClusterQueue"
        return "LocalQueue" if dig(local, "spec", "stopPolicy") == "HoldAndDrain" else ""

    def keeps_out(self, workload: Object, reason: str) -> bool:
        """Tell whether what has evicted a Workload still stands in its way."""
        if reason == "Deactivated":
            return not workload["spec"].get("active", True)
        stopped = self.queue_of(workload) if reason == "ClusterQueueStopped" else self.local_of(workload)
        return dig(stopped, "spec", "stopPolicy") not in (None, "None")


_NOWHERE: Object = {"metadata": {"name": ""}}


def flavor_quotas(queue: Object) -> Iterator[Object]:
    """Give a queue's flavors with their quotas, in its order."""
    return (flavor for group in queue["spec"].get("resourceGroups") or [] for flavor in group["flavors"])
