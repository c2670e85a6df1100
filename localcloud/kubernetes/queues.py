"""A look at all queues at one moment: who waits where, who holds quota, what stands in the way, and the counters."""

import copy
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from localcloud.kubernetes import cohorts, quota
from localcloud.kubernetes.api import Api, Options, place_of
from localcloud.kubernetes.cohorts import Key
from localcloud.kubernetes.kueue_rules import IN_USE
from localcloud.kubernetes.objects import (
    Object,
    condition,
    dig,
    is_deleted,
    is_true,
    name_of,
    namespace_of,
    set_condition,
    uid_of,
)
from localcloud.kubernetes.quantities import write
from localcloud.kubernetes.resources import CLUSTER_QUEUES, FLAVORS, LOCAL_QUEUES, NAMESPACES, WORKLOADS, Resource
from localcloud.kubernetes.selectors import by_label_object
from localcloud.kubernetes.workloads import admission_queue

_MANAGER = "kueue"


class Queues:
    """Everything about queues, read once; `reserve` keeps it true during one round of admission."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._cluster = {name_of(q): q for q in api.store.all_of(CLUSTER_QUEUES)}
        self._local = {(namespace_of(q), name_of(q)): q for q in api.store.all_of(LOCAL_QUEUES)}
        self.flavors = {name_of(f): f for f in api.store.all_of(FLAVORS)}
        open_workloads = [w for w in api.store.all_of(WORKLOADS) if not is_true(w, "Finished") and not is_deleted(w)]
        self._holding = [w for w in open_workloads if admission_queue(w)]
        self._waiting = [w for w in open_workloads if not admission_queue(w)]

    def waiting(self) -> list[Object]:
        """Give the Workloads that want quota: highest priority first, then oldest; of a cohort's queues those first whose first would not borrow."""
        active = [w for w in self._waiting if w["spec"].get("active", True)]
        ordered = sorted(active, key=lambda w: (-w["spec"].get("priority", 0), self._api.store.born(w)))
        firsts: dict[str, bool] = {}
        for workload in ordered:
            queue = self.queue_of(workload)
            if queue is not None and name_of(queue) not in firsts:
                firsts[name_of(queue)] = self._would_borrow(queue, workload)
        return sorted(ordered, key=lambda w: firsts.get(name_of(self.queue_of(w) or {"metadata": {"name": ""}}), False))

    def _would_borrow(self, queue: Object, workload: Object) -> bool:
        return bool(queue["spec"].get("cohortName")) and not self.case(queue, workload).stays_within_its_quota()

    def reserving(self, queue: str) -> list[Object]:
        """Give the Workloads that hold quota of a ClusterQueue."""
        return [w for w in self._holding if admission_queue(w) == queue]

    def reserve(self, workload: Object) -> None:
        """Take a Workload over from those that wait to those that hold quota."""
        self._holding.append(workload)
        self._waiting = [w for w in self._waiting if uid_of(w) != uid_of(workload)]

    def case(self, queue: Object, workload: Object) -> quota.Case:
        """Give a Workload with its queue, the queues of the cohort, and who holds quota of any of them."""
        members = cohorts.members_of(queue, self._cluster.values())
        holding = [w for one in members for w in self.reserving(name_of(one))]
        return quota.Case(queue, workload, members, holding, self.flavors)

    def victim_order(self, case: quota.Case) -> list[Object]:
        """Give the order in which Workloads are preempted: evicted ones, those of other queues, lowest priority, latest admission first."""

        def key(workload: Object) -> tuple[bool, bool, int, int]:
            priority = workload["spec"].get("priority", 0)
            own = admission_queue(workload) == name_of(case.queue)
            return not is_true(workload, "Evicted"), own, priority, -self._reserved_at(workload)

        return sorted(case.holding, key=key)

    def _reserved_at(self, workload: Object) -> int:
        stamp = str((condition(workload, "QuotaReserved") or {}).get("lastTransitionTime", ""))
        return int("".join(filter(str.isdigit, stamp)) or 0)

    def queue_of(self, workload: Object) -> Object | None:
        """Give the ClusterQueue a Workload is queued for."""
        local = self._local_of(workload)
        return self._cluster.get(local["spec"]["clusterQueue"]) if local else None

    def _local_of(self, workload: Object) -> Object | None:
        return self._local.get((namespace_of(workload), workload["spec"].get("queueName", "")))

    def obstacle(self, workload: Object) -> tuple[str, str] | None:
        """Give the reason and message why a Workload cannot even be considered, or None."""
        local, queue = self._local_of(workload), self.queue_of(workload)
        if local is None:
            return "Inadmissible", f"LocalQueue {workload['spec'].get('queueName')} doesn't exist"
        if local["spec"].get("stopPolicy", "None") != "None":
            return "Inadmissible", f"LocalQueue {name_of(local)} is stopped"
        if queue is None:
            return "Inadmissible", f"ClusterQueue {local['spec']['clusterQueue']} doesn't exist"
        return self._queue_obstacle(queue) or self._namespace_obstacle(workload, queue)

    def _queue_obstacle(self, queue: Object) -> tuple[str, str] | None:
        if queue["spec"]["stopPolicy"] != "None":
            return "Inadmissible", f"ClusterQueue {name_of(queue)} is stopped"
        if self._missing_flavors(queue) or is_deleted(queue):
            return "Inadmissible", f"ClusterQueue {name_of(queue)} is inactive"
        return None

    def _namespace_obstacle(self, workload: Object, queue: Object) -> tuple[str, str] | None:
        namespace = self._api.store.get(NAMESPACES, "", namespace_of(workload)) or {"metadata": {}}
        if by_label_object(queue["spec"].get("namespaceSelector"))(namespace):
            return None
        return "Pending", "Workload namespace doesn't match ClusterQueue selector"

    def drained(self, workload: Object) -> str:
        """Give the kind of queue that drains an admitted Workload, or an empty string."""
        local = self._local_of(workload)
        queue = self._cluster.get(admission_queue(workload))
        if dig(queue, "spec", "stopPolicy") == "HoldAndDrain":
            return "ClusterQueue"
        return "LocalQueue" if dig(local, "spec", "stopPolicy") == "HoldAndDrain" else ""

    def _missing_flavors(self, queue: Object) -> list[str]:
        return [entry["name"] for entry in _quotas(queue) if entry["name"] not in self.flavors]

    def write_statuses(self) -> None:
        """Write the conditions and counters of every queue, and let go of queues nobody uses."""
        for queue in self._cluster.values():
            self._write(CLUSTER_QUEUES, queue, self._cluster_status(queue))
            if is_deleted(queue) and not self.reserving(name_of(queue)):
                self._release(CLUSTER_QUEUES, queue)
        for local in self._local.values():
            self._write(LOCAL_QUEUES, local, self._local_status(local))
        used = {entry["name"] for queue in self._cluster.values() for entry in _quotas(queue)}
        for flavor in self.flavors.values():
            if is_deleted(flavor) and name_of(flavor) not in used:
                self._release(FLAVORS, flavor)

    def _write(self, resource: Resource, thing: Object, status: Object) -> None:
        if status != thing.get("status"):
            self._api.write_status(resource, thing, status, _MANAGER)

    def _release(self, resource: Resource, thing: Object) -> None:
        def without(found: Object) -> Object:
            left = [word for word in found["metadata"].get("finalizers") or [] if word != IN_USE]
            return {**found, "metadata": {**found["metadata"], "finalizers": left}}

        self._api.change(place_of(resource, thing), without, Options(_MANAGER))

    def _cluster_status(self, queue: Object) -> Object:
        holding = self.reserving(name_of(queue))
        waiting = [w for w in self.waiting() if (self.queue_of(w) or {}) is queue]
        used = cohorts.usage_of(holding)
        usage = [_usage(entry, used, borrowed_beyond=cohorts.quotas_of(queue)) for entry in _quotas(queue)]
        status = _counted(queue, waiting, holding, usage)
        _set_active(queue, status, *self._cluster_verdict(queue))
        return status

    def _cluster_verdict(self, queue: Object) -> tuple[str, str]:
        if is_deleted(queue):
            return "Terminating", "Can't admit new workloads; clusterQueue is terminating"
        if queue["spec"]["stopPolicy"] != "None":
            return "Stopped", "Can't admit new workloads: is stopped."
        if missing := self._missing_flavors(queue):
            return "FlavorNotFound", f"Can't admit new workloads: references missing ResourceFlavor(s): {missing}."
        return "Ready", "Can admit new workloads"

    def _local_status(self, local: Object) -> Object:
        queue = self._cluster.get(local["spec"]["clusterQueue"])
        holding = [w for w in self._holding if self._local_of(w) is local]
        waiting = [w for w in self.waiting() if self._local_of(w) is local]
        entries = _quotas(queue) if queue else []
        status = _counted(local, waiting, holding, [_usage(e, cohorts.usage_of(holding)) for e in entries])
        _set_active(local, status, *_local_verdict(local, queue))
        return status


def _quotas(queue: Object) -> Iterator[Object]:
    return (flavor for group in queue["spec"].get("resourceGroups") or [] for flavor in group["flavors"])


def _usage(entry: Object, usage: cohorts.Usage, *, borrowed_beyond: dict[Key, cohorts.Quota] | None = None) -> Object:
    totals = []
    for resource in sorted(r["name"] for r in entry["resources"]):
        key = (entry["name"], resource)
        used = usage.get(key, Fraction(0))
        borrowed = max(Fraction(0), used - borrowed_beyond[key].nominal) if borrowed_beyond else None
        totals.append(
            {"name": resource, "total": write(used), **({} if borrowed is None else {"borrowed": write(borrowed)})}
        )
    return {"name": entry["name"], "resources": totals}


def _counted(queue: Object, waiting: list[Object], holding: list[Object], usage: list[Object]) -> Object:
    admitted = [w for w in holding if is_true(w, "Admitted")]
    counters: dict[str, Any] = {
        "pendingWorkloads": len(waiting),
        "reservingWorkloads": len(holding),
        "admittedWorkloads": len(admitted),
        "flavorsReservation": usage,
        "flavorsUsage": usage,
    }
    return {"conditions": copy.deepcopy(dig(queue, "status", "conditions") or []), **counters}


def _local_verdict(local: Object, queue: Object | None) -> tuple[str, str]:
    if local["spec"].get("stopPolicy", "None") != "None":
        return "Stopped", "LocalQueue is stopped"
    if queue is None:
        return "ClusterQueueDoesNotExist", "Can't submit new workloads to clusterQueue"
    if queue["spec"]["stopPolicy"] != "None":
        return "ClusterQueueIsInactive", "Can't submit new workloads to clusterQueue"
    return "Ready", "Can submit new workloads to localQueue"


def _set_active(queue: Object, status: Object, reason: str, message: str) -> None:
    fresh = {
        "type": "Active",
        "status": "True" if reason == "Ready" else "False",
        "reason": reason,
        "message": message,
        "observedGeneration": queue["metadata"].get("generation"),
    }
    set_condition(status["conditions"], fresh)
