"""What queues say of themselves: conditions, counters, usage; and who lets go of queues and flavors that nobody uses any more."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from localcloud.kubernetes import cohorts
from localcloud.kubernetes.api import Api, Options, place_of
from localcloud.kubernetes.cohorts import Key
from localcloud.kubernetes.kueue_rules import IN_USE
from localcloud.kubernetes.objects import Object, dig, is_deleted, is_true, name_of, set_condition
from localcloud.kubernetes.quantities import write
from localcloud.kubernetes.queues import Queues, flavor_quotas
from localcloud.kubernetes.resources import CLUSTER_QUEUES, COHORTS, FLAVORS, LOCAL_QUEUES, Resource

_MANAGER = "kueue"


@dataclass(frozen=True)
class QueueStatus:
    """Writes the statuses of all queues after a look at them."""

    api: Api
    queues: Queues

    def write(self) -> None:
        """Write what has changed; the order of those that wait does not matter here."""
        for queue in self.queues.cluster.values():
            waiting = [w for w in self.queues.waiting if self.queues.queue_of(w) is queue]
            self._write(CLUSTER_QUEUES, queue, self._cluster_status(queue, waiting))
            if is_deleted(queue) and not self.queues.reserving(name_of(queue)):
                self._release(CLUSTER_QUEUES, queue)
        for cohort in self.queues.cohorts.values():
            self._write(COHORTS, cohort, {**(cohort.get("status") or {}), **self._fair_part(cohort)})
        for local in self.queues.local.values():
            self._write(LOCAL_QUEUES, local, self._local_status(local))
        used = {entry["name"] for queue in self.queues.cluster.values() for entry in flavor_quotas(queue)}
        for flavor in self.queues.flavors.values():
            if is_deleted(flavor) and name_of(flavor) not in used:
                self._release(FLAVORS, flavor)

    def _write(self, resource: Resource, thing: Object, status: Object) -> None:
        if status != (thing.get("status") or {}):
            self.api.write_status(resource, thing, status, _MANAGER)

    def _release(self, resource: Resource, thing: Object) -> None:
        def without(found: Object) -> Object:
            left = [word for word in found["metadata"].get("finalizers") or [] if word != IN_USE]
            return {**found, "metadata": {**found["metadata"], "finalizers": left}}

        self.api.change(place_of(resource, thing), without, Options(_MANAGER))

    def _cluster_status(self, queue: Object, waiting: Sequence[Object]) -> Object:
        holding = self.queues.reserving(name_of(queue))
        used = cohorts.usage_of(holding)
        usage = [_usage(entry, used, borrowed_beyond=cohorts.quotas_of(queue)) for entry in flavor_quotas(queue)]
        status = {**_counted(queue, waiting, holding, usage), **self._fair_part(queue)}
        _set_active(queue, status, *self._cluster_verdict(queue))
        return status

    def _fair_part(self, queue: Object) -> Object:
        share = self.queues.share(queue)
        return {} if share is None else {"fairSharing": {"weightedShare": share}}

    def _cluster_verdict(self, queue: Object) -> tuple[str, str]:
        if is_deleted(queue):
            return "Terminating", "Can't admit new workloads; clusterQueue is terminating"
        if queue["spec"]["stopPolicy"] != "None":
            return "Stopped", "Can't admit new workloads: is stopped."
        if missing := self.queues.missing_flavors(queue):
            return "FlavorNotFound", f"Can't admit new workloads: references missing ResourceFlavor(s): {missing}."
        for topology, flavor in self.queues.missing_topologies(queue):
            message = f'Can\'t admit new workloads: there is no Topology "{topology}" for TAS flavor "{flavor}".'
            return "TopologyNotFound", message
        return "Ready", "Can admit new workloads"

    def _local_status(self, local: Object) -> Object:
        name = local["spec"]["clusterQueue"]
        queue = self.queues.cluster.get(name)
        holding = [w for w in self.queues.reserving(name) if self.queues.local_of(w) is local]
        waiting = [w for w in self.queues.waiting if self.queues.local_of(w) is local]
        entries = flavor_quotas(queue) if queue else []
        status = _counted(local, waiting, holding, [_usage(e, cohorts.usage_of(holding)) for e in entries])
        _set_active(local, status, *_local_verdict(local, queue))
        return status


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


def _counted(queue: Object, waiting: Sequence[Object], holding: Sequence[Object], usage: list[Object]) -> Object:
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
