"""The Kueue controller: Workloads for queued Jobs, admission by quota and priority, and the Job started or stopped.

Eviction has two phases, as it must: the quota is free only when the Job has no pods and no `startTime` any more.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from localcloud.kubernetes import cohorts, events, quota, workloads
from localcloud.kubernetes.api import Api, Options, place_of
from localcloud.kubernetes.creations import create_or_tell
from localcloud.kubernetes.deletion import Deletion, delete
from localcloud.kubernetes.job_rules import QUEUE_LABEL
from localcloud.kubernetes.kueue_rules import IN_USE
from localcloud.kubernetes.objects import (
    Object,
    condition,
    dig,
    is_deleted,
    is_true,
    labels_of,
    name_of,
    namespace_of,
    owner_uids,
    uid_of,
)
from localcloud.kubernetes.queues import Queues
from localcloud.kubernetes.resources import FLAVORS, JOBS, WORKLOAD_PRIORITIES, WORKLOADS
from localcloud.kubernetes.workloads import admission_queue

_MANAGER = "kueue"
_COMPONENT = "batch/job-kueue-controller"
_ADMISSION = "kueue-admission"
_PREEMPTIONS = {  # by whether the victim is of the same ClusterQueue
    True: ("InClusterQueue", "prioritization in the ClusterQueue"),
    False: ("InCohortReclamation", "reclamation within the cohort"),
}


@dataclass
class Kueue:
    """The queueing system of one cluster."""

    api: Api

    def reconcile(self) -> float | None:
        """Look at every Job, Workload and queue once."""
        self._drop_deleted()
        jobs = {uid_of(job): job for job in self.api.store.all_of(JOBS)}
        self._drop_ownerless(jobs.keys())
        owned = {uid: w for w in self.api.store.all_of(WORKLOADS) for uid in owner_uids(w)}
        queues = Queues(self.api)
        for uid, job in jobs.items():
            if labels_of(job).get(QUEUE_LABEL) and not is_deleted(job) and self.api.accepts(namespace_of(job)):
                self._follow(job, owned.get(uid), queues)
        self._admit(jobs)
        Queues(self.api).write_statuses()
        return None

    def _drop_deleted(self) -> None:
        for workload in filter(is_deleted, self.api.store.all_of(WORKLOADS)):
            self.api.change(place_of(WORKLOADS, workload), _without_finalizer, Options(_MANAGER))

    def _drop_ownerless(self, jobs: Iterable[str]) -> None:
        alive = set(jobs)
        for workload in self.api.store.all_of(WORKLOADS):
            uid = labels_of(workload).get(workloads.UID_LABEL)
            if uid and uid not in alive and not is_deleted(workload):
                delete(self.api, place_of(WORKLOADS, workload), Deletion())

    def _follow(self, job: Object, workload: Object | None, queues: Queues) -> None:
        ending = _ending(job)
        if workload is None:
            if ending is None:
                self._create(job)
        elif is_true(workload, "Finished"):
            return
        elif ending is not None:
            self._finish(job, workload, ending)
        elif dig(workload, "status", "admission"):
            self._follow_admitted(job, workload, queues)
        else:
            self._follow_waiting(job, workload)

    def _create(self, job: Object) -> None:
        wanted = workloads.new_workload(job, self._priorities())
        made = create_or_tell(self.api, job, WORKLOADS, wanted, Options(_MANAGER), _COMPONENT)
        if made is not None:
            self._tell(job, "CreatedWorkload", f"Created Workload: {namespace_of(job)}/{name_of(made)}")

    def _priorities(self) -> dict[str, int]:
        return {name_of(c): int(c.get("value", 0)) for c in self.api.store.all_of(WORKLOAD_PRIORITIES)}

    def _finish(self, job: Object, workload: Object, ending: Object) -> None:
        reason = "Succeeded" if ending["type"] == "Complete" else "Failed"
        self._write(workload, workloads.finished(workload, reason, ending["message"]))
        name = f"{namespace_of(workload)}/{name_of(workload)}"
        self._tell(job, "FinishedWorkload", f"Workload '{name}' is declared finished")

    def _follow_admitted(self, job: Object, workload: Object, queues: Queues) -> None:
        if is_true(workload, "Evicted"):
            self._stop(job, workload)
        elif not workload["spec"].get("active", True):
            self._evict(workload, "Deactivated", "The workload is deactivated")
        elif drained := queues.drained(workload):
            self._evict(workload, f"{drained}Stopped", f"The {drained} is stopped")
        elif job["spec"]["suspend"]:
            self._start(job, workload)

    def _evict(self, workload: Object, reason: str, message: str) -> None:
        self._write(workload, workloads.evicted(workload, reason, message))
        self._tell(workload, f"EvictedDueTo{reason}", message, _ADMISSION)

    def _stop(self, job: Object, workload: Object) -> None:
        message = (condition(workload, "Evicted") or {})["message"]
        if not job["spec"]["suspend"]:
            self.api.change(place_of(JOBS, job), _suspended, Options(_MANAGER))
            self._tell(job, "Stopped", message)
            return
        status = job.get("status") or {}
        if status.get("active") or status.get("terminating") or status.get("startTime"):
            return
        self.api.change(place_of(JOBS, job), lambda j: workloads.restored(j, workload), Options(_MANAGER))
        self._write(workload, workloads.requeued(workload))
        self._tell(workload, "Pending", message, _ADMISSION)

    def _start(self, job: Object, workload: Object) -> None:
        node_labels: dict[str, str] = {}
        for assignment in workload["status"]["admission"]["podSetAssignments"]:
            for name in (assignment.get("flavors") or {}).values():
                flavor = self.api.store.get(FLAVORS, "", name)
                node_labels |= quota.node_labels_of(flavor) if flavor else {}
        self.api.change(place_of(JOBS, job), lambda j: workloads.started(j, workload, node_labels), Options(_MANAGER))
        self._tell(job, "Started", f"Admitted by clusterQueue {admission_queue(workload)}")

    def _follow_waiting(self, job: Object, workload: Object) -> None:
        if not job["spec"]["suspend"]:
            self.api.change(place_of(JOBS, job), _suspended, Options(_MANAGER))
            self._tell(job, "Stopped", "Not admitted by cluster queue")
            return
        wanted = workloads.wanted_spec(job, self._priorities())
        if any(workload["spec"].get(key) != value for key, value in wanted.items()):
            place = place_of(WORKLOADS, workload)
            self.api.change(place, lambda w: {**w, "spec": {**w["spec"], **wanted}}, Options(_MANAGER))
        requeued = condition(workload, "Requeued") or {}
        if workload["spec"].get("active", True) and (requeued.get("status"), requeued.get("reason")) == (
            "False", "Deactivated",
        ):  # fmt: skip
            self._write(workload, workloads.reactivated(workload))

    def _admit(self, jobs: dict[str, Object]) -> None:
        queues = Queues(self.api)
        blocked: set[str] = set()
        for workload in queues.waiting():
            queue = queues.queue_of(workload)
            if obstacle := queues.obstacle(workload):
                self._write(workload, workloads.pending(workload, *obstacle))
            elif queue is not None and name_of(queue) not in blocked:
                self._try(workload, queue, queues, blocked, jobs)

    def _try(self, workload: Object, queue: Object, queues: Queues, blocked: set[str], jobs: dict[str, Object]) -> None:
        name = name_of(queue)
        case = queues.case(queue, workload)
        found = quota.fit(workload, cohorts.room(queue, case.members, case.holding), queues.flavors)
        if found.flavors is not None:
            status = workloads.admitted(workload, name, found.flavors)
            queues.reserve(self._write(workload, status))
            self._tell_admitted(workload, name)
            return
        gone = quota.victims(case, queues.victim_order(case))
        for victim in gone:
            self._preempt(victim, workload, name, jobs)
        text = f"couldn't assign flavors to pod set main: {', '.join(found.obstacles)}"
        text += f". Pending the preemption of {len(gone)} workload(s)" if gone else ""
        self._write(workload, workloads.pending(workload, "Pending", text))
        if queue["spec"]["queueingStrategy"] == "StrictFIFO":
            blocked.add(name)

    def _tell_admitted(self, workload: Object, queue: str) -> None:
        reserved = f"Quota reserved in ClusterQueue {queue}, wait time since queued was 0s"
        self._tell(workload, "QuotaReserved", reserved, _ADMISSION)
        admitted = f"Admitted by ClusterQueue {queue}, wait time since reservation was 0s"
        self._tell(workload, "Admitted", admitted, _ADMISSION)

    def _preempt(self, victim: Object, workload: Object, name: str, jobs: dict[str, Object]) -> None:
        if is_true(victim, "Evicted"):
            return
        job = next((uid for uid in owner_uids(workload) if uid in jobs), "UNKNOWN")
        reason, why = _PREEMPTIONS[admission_queue(victim) == name]
        message = f"Preempted to accommodate a workload (UID: {uid_of(workload)}, JobUID: {job}) due to {why}"
        self._write(victim, workloads.preempted(victim, reason, message))
        for reason in ("EvictedDueToPreempted", "Preempted"):
            self._tell(victim, reason, message, _ADMISSION)

    def _write(self, workload: Object, status: Object) -> Object:
        return self.api.write_status(WORKLOADS, workload, status, _MANAGER)

    def _tell(self, about: Object, reason: str, message: str, component: str = _COMPONENT) -> None:
        events.record(self.api, about, reason, message, component)


def _ending(job: Object) -> Object | None:
    found = (condition(job, kind) for kind in ("Complete", "Failed") if is_true(job, kind))
    return next(found, None)


def _suspended(job: Object) -> Object:
    return {**job, "spec": {**job["spec"], "suspend": True}}


def _without_finalizer(thing: Object) -> Object:
    left = [word for word in thing["metadata"].get("finalizers") or [] if word != IN_USE]
    return {**thing, "metadata": {**thing["metadata"], "finalizers": left}}
