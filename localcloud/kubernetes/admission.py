"""One round of admission: who waits gets quota, or a reason why not, or has others evicted."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from localcloud.kubernetes import events, preemption_cases, quota, victims, workloads
from localcloud.kubernetes.api import Api
from localcloud.kubernetes.objects import Object, condition, dig, is_true, name_of, owner_uids, uid_of
from localcloud.kubernetes.preemption_cases import Case, Target
from localcloud.kubernetes.queues import Queues
from localcloud.kubernetes.resources import WORKLOADS

_MANAGER = "kueue"
COMPONENT = "kueue-admission"
_TOO_LATE = "Workload no longer fits after processing another workload"
_OVERLAP = "Workload has overlapping preemption targets with another workload"


@dataclass
class Admission:
    """One round; `jobs` are the Jobs by their uids."""

    api: Api
    queues: Queues
    jobs: Mapping[str, Object]
    _blocked: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Look at every Workload that wants quota, in turn."""
        for workload in self.queues.in_turn():
            queue = self.queues.queue_of(workload)
            if obstacle := self.queues.obstacle(workload):
                self._write(workload, workloads.pending(workload, *obstacle))
            elif queue is not None and name_of(queue) not in self._blocked:
                self._try(workload, queue)

    def _try(self, workload: Object, queue: Object) -> None:
        case = self.queues.case(queue, workload)
        found = self.queues.assign(case)
        if found.mode is not quota.Mode.FIT:
            self._want(replace(case, needs=found.usage, lacking=found.lacking), found)
        elif self.queues.fits_beside_promises(case.node, found.usage):
            if self._admit(workload, name_of(queue), found):
                return
        else:
            self._hold(workload, _TOO_LATE)
        if queue["spec"]["queueingStrategy"] == "StrictFIFO":
            self._blocked.add(name_of(queue))

    def _admit(self, workload: Object, queue: str, found: quota.Assignment) -> bool:
        places = self.queues.grounds.place(workload, found.flavors)
        if isinstance(places, str):
            self._hold(workload, places)
            return False
        status = workloads.admitted(workload, queue, found.flavors, places)
        self.queues.reserve(self._write(workload, status))
        reserved = f"Quota reserved in ClusterQueue {queue}, wait time since queued was 0s"
        self._tell(workload, "QuotaReserved", reserved)
        self._tell(workload, "Admitted", f"Admitted by ClusterQueue {queue}, wait time since reservation was 0s")
        return True

    def _want(self, case: Case, found: quota.Assignment) -> None:
        """Have others evicted where that helps, and say what is lacking."""
        gone = [] if found.mode is quota.Mode.NEVER else victims.targets(case)
        if self.queues.is_claimed(gone):
            self._hold(case.workload, _OVERLAP)
            return
        if gone:
            self.queues.promise(case, gone)
        for target in gone:
            self._preempt(target, case.workload)
        more = f". Pending the preemption of {len(gone)} workload(s)" if gone else ""
        self._hold(case.workload, found.message + more)

    def _hold(self, workload: Object, text: str) -> None:
        """Say why a Workload waits; told as an event only once, since every event makes the controllers look again."""
        news = dig(condition(workload, "QuotaReserved"), "message") != text
        self._write(workload, workloads.pending(workload, "Pending", text))
        if news:
            self._tell(workload, "Pending", text, "Warning")

    def _preempt(self, target: Target, workload: Object) -> None:
        victim = target.workload
        if is_true(victim, "Evicted"):
            return
        job = next((uid for uid in owner_uids(workload) if uid in self.jobs), "UNKNOWN")
        why = preemption_cases.WORDS[target.reason]
        message = f"Preempted to accommodate a workload (UID: {uid_of(workload)}, JobUID: {job}) due to {why}"
        self._write(victim, workloads.preempted(victim, target.reason, message))
        for reason in ("EvictedDueToPreempted", "Preempted"):
            self._tell(victim, reason, message)

    def _write(self, workload: Object, status: Object) -> Object:
        return self.api.write_status(WORKLOADS, workload, status, _MANAGER)

    def _tell(self, about: Object, reason: str, message: str, kind: str = "Normal") -> None:
        events.record(self.api, about, reason, message, COMPONENT, kind)
