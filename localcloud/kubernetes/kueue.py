"""The Kueue controller: Workloads for queued Jobs, and the Job started or stopped as its Workload is admitted or evicted.

Eviction has two phases, as it must: the quota is free only when the Job has no pods and no `startTime` any more.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from localcloud.kubernetes import admission, events, quota, workloads
from localcloud.kubernetes.admission import Admission
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
from localcloud.kubernetes.queue_status import QueueStatus
from localcloud.kubernetes.queues import Queues
from localcloud.kubernetes.resources import FLAVORS, JOBS, WORKLOAD_PRIORITIES, WORKLOADS
from localcloud.kubernetes.ungating import Ungating
from localcloud.kubernetes.workloads import admission_queue

_MANAGER = "kueue"
_COMPONENT = "batch/job-kueue-controller"


@dataclass
class Kueue:
    """The queueing system of one cluster; `fair` names the strategies of fair sharing, none while it is off."""

    api: Api
    fair: tuple[str, ...] = ()

    def reconcile(self) -> float | None:
        """Look at every Job, Workload and queue once."""
        self._drop_deleted()
        jobs = {uid_of(job): job for job in self.api.store.all_of(JOBS)}
        self._drop_ownerless(jobs.keys())
        owned = {uid: w for w in self.api.store.all_of(WORKLOADS) for uid in owner_uids(w)}
        queues = Queues(self.api, self.fair)
        for uid, job in jobs.items():
            if labels_of(job).get(QUEUE_LABEL) and not is_deleted(job) and self.api.accepts(namespace_of(job)):
                self._follow(job, owned.get(uid), queues)
        Admission(self.api, Queues(self.api, self.fair), jobs).run()
        QueueStatus(self.api, Queues(self.api, self.fair)).write()
        Ungating(self.api).run()
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
            self._follow_waiting(job, workload, queues)

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
        self._tell(workload, f"EvictedDueTo{reason}", message, admission.COMPONENT)

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

    def _start(self, job: Object, workload: Object) -> None:
        node_labels: dict[str, str] = {}
        for assignment in workload["status"]["admission"]["podSetAssignments"]:
            for name in (assignment.get("flavors") or {}).values():
                flavor = self.api.store.get(FLAVORS, "", name)
                node_labels |= quota.node_labels_of(flavor) if flavor else {}
        self.api.change(place_of(JOBS, job), lambda j: workloads.started(j, workload, node_labels), Options(_MANAGER))
        self._tell(job, "Started", f"Admitted by clusterQueue {admission_queue(workload)}")

    def _follow_waiting(self, job: Object, workload: Object, queues: Queues) -> None:
        if not job["spec"]["suspend"]:
            self.api.change(place_of(JOBS, job), _suspended, Options(_MANAGER))
            self._tell(job, "Stopped", "Not admitted by cluster queue")
            return
        wanted = workloads.wanted_spec(job, self._priorities())
        if any(workload["spec"].get(key) != value for key, value in wanted.items()):
            place = place_of(WORKLOADS, workload)
            self.api.change(place, lambda w: {**w, "spec": {**w["spec"], **wanted}}, Options(_MANAGER))
        reason = workloads.kept_out_by(workload)
        if reason and not queues.keeps_out(workload, reason):
            self._write(workload, workloads.back_again(workload, reason))

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
