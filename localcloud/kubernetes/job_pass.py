"""One look at one Job: pods, counters, conditions and events in the order a real controller writes them.

`SuccessCriteriaMet` and `FailureTarget` are written one pass before `Complete` and `Failed`, because clients that stop
at the first must be seen to be wrong.
"""

import copy
import time
from dataclasses import dataclass, field

from localcloud.kubernetes import events, job_limits, job_pods, job_policies
from localcloud.kubernetes.api import Api, Options, place_of
from localcloud.kubernetes.creations import create_or_tell
from localcloud.kubernetes.deletion import Deletion, delete
from localcloud.kubernetes.objects import (
    Object,
    condition,
    is_deleted,
    is_true,
    name_of,
    namespace_of,
    now,
    seconds_since,
    set_condition,
    uid_of,
)
from localcloud.kubernetes.resources import JOBS, PODS

COMPONENT = "job-controller"
_ENDINGS = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}


@dataclass
class JobPass:
    """One look at one Job: its status grows in `status` and is written once at the end."""

    api: Api
    speed: float
    job: Object
    pods: list[Object]
    failed_at: dict[str, float]
    status: Object = field(init=False)
    wait: float | None = None
    fails_job: str = ""

    def __post_init__(self) -> None:
        self.status = copy.deepcopy(self.job.get("status") or {})
        self.status.setdefault("conditions", [])
        self.spec = self.job["spec"]
        self.active = [pod for pod in self.pods if job_pods.is_active(pod)]
        self.terminating = [pod for pod in self.pods if job_pods.is_terminating(pod)]

    def run(self) -> float | None:
        """Do what is due; gives the seconds until the next thing is."""
        if is_true(self.job, "Complete") or is_true(self.job, "Failed"):
            return self._expire()
        counted = self._count()
        ending = next((end for end in _ENDINGS if is_true(self.job, end)), None)
        if ending:
            self._finish(ending)
        elif self.spec["suspend"]:
            self._suspend()
        else:
            self._go_on()
        self._write(counted)
        return self.wait

    def _count(self) -> list[Object]:
        over = [pod for pod in self.pods if job_pods.is_tracked(pod) and job_pods.is_over(pod, self.job)]
        good = [pod for pod in over if job_pods.succeeded(pod)]
        stopped_by_suspension = self.spec["suspend"] or is_true(self.job, "Suspended")
        bad = [pod for pod in over if pod not in good and not (stopped_by_suspension and is_deleted(pod))]
        bad = [pod for pod in bad if self._counts(pod)]
        for key, pods in (("succeeded", good), ("failed", bad)):
            if pods:
                self.status[key] = self.status.get(key, 0) + len(pods)
        if bad:
            self.failed_at[uid_of(self.job)] = time.monotonic()
        if good and self.spec["completionMode"] == "Indexed":
            done = self._done_indexes() | {job_pods.index_of(pod) for pod in good}
            self.status["completedIndexes"] = job_pods.write_indexes(done)
        return over

    def _counts(self, pod: Object) -> bool:
        """Do what the Job's own rules make of a failed pod, and tell whether it counts as a failure."""
        verdict = job_policies.judge(self.job, pod)
        if verdict.action == "FailJob":
            self.fails_job = self.fails_job or verdict.message
        limit = self.spec.get("backoffLimitPerIndex")
        exhausted = limit is not None and job_policies.failures_of_index(pod) > limit
        if verdict.action == "FailIndex" or (exhausted and verdict.action != "Ignore"):
            failed = self._indexes("failedIndexes") | {job_pods.index_of(pod)}
            self.status["failedIndexes"] = job_pods.write_indexes(failed)
        return verdict.action != "Ignore"

    def _indexes(self, key: str) -> set[int]:
        return job_pods.read_indexes(self.status.get(key, ""))

    def _done_indexes(self) -> set[int]:
        return self._indexes("completedIndexes")

    def _suspend(self) -> None:
        self._stop_pods()
        self.status.pop("startTime", None)
        if not is_true(self.job, "Suspended"):
            self._condition("Suspended", "True", "JobSuspended", "Job suspended")
            self._event("Suspended", "Job suspended")

    def _go_on(self) -> None:
        if is_true(self.job, "Suspended"):
            self._condition("Suspended", "False", "JobResumed", "Job resumed")
            self._event("Resumed", "Job resumed")
        self.status.setdefault("startTime", now())
        if ending := self._by_policy():
            self._target(*ending)
        elif job_limits.has_succeeded(self.spec, self.status, self.active):
            self._target("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods")
        elif job_limits.is_past_backoff(self.spec, self.status, self.active):
            self._target("FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        elif self._is_past_deadline():
            self._target("FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline")
        else:
            self._create_pods()

    def _by_policy(self) -> job_policies.Ending | None:
        if self.fails_job:
            return job_policies.Ending("FailureTarget", "PodFailurePolicy", self.fails_job)
        if self.spec["completionMode"] != "Indexed":
            return None
        done, failed = self._done_indexes(), self._indexes("failedIndexes")
        return job_policies.success(self.job, done) or job_policies.too_many_failed(self.spec, done, failed)

    def _is_past_deadline(self) -> bool:
        deadline = self.spec.get("activeDeadlineSeconds")
        if deadline is None:
            return False
        left = deadline - seconds_since(self.status["startTime"])
        self._wait_for(left)
        return bool(left <= 0)

    def _target(self, target: str, reason: str, message: str) -> None:
        self._stop_pods()
        self._condition(target, "True", reason, message)

    def _create_pods(self) -> None:
        missing = self._missing() if self.api.accepts(namespace_of(self.job)) else 0
        backoff = self._backoff() if missing else 0.0
        if missing and backoff > 0:
            self._wait_for(backoff)
            return
        indexes = self._free_indexes() if self.spec["completionMode"] == "Indexed" else [None] * missing
        for index in indexes[:missing]:
            wanted = job_pods.new_pod(self.job, index, job_policies.failures_before(self.job, self.pods, index))
            if (pod := create_or_tell(self.api, self.job, PODS, wanted, Options(COMPONENT), COMPONENT)) is None:
                return
            self.active.append(pod)
            self._event("SuccessfulCreate", f"Created pod: {name_of(pod)}")

    def _missing(self) -> int:
        wanted: int = self.spec["parallelism"]
        if "completions" in self.spec:
            over = self.status.get("succeeded", 0) + len(self._indexes("failedIndexes"))
            wanted = min(wanted, self.spec["completions"] - over)
        elif self.status.get("succeeded", 0):
            return 0
        return max(0, wanted - len(self._occupying()))

    def _occupying(self) -> list[Object]:
        waits = self.spec["podReplacementPolicy"] == "Failed"
        return [*self.active, *(self.terminating if waits else [])]

    def _free_indexes(self) -> list[int | None]:
        taken = (
            self._done_indexes()
            | self._indexes("failedIndexes")
            | {job_pods.index_of(pod) for pod in self._occupying()}
        )
        return [index for index in range(self.spec["completions"]) if index not in taken]

    def _backoff(self) -> float:
        failures: int = self.status.get("failed", 0)
        since = self.failed_at.get(uid_of(self.job))
        if not failures or since is None:
            return 0.0
        return job_limits.backoff_seconds(failures) / self.speed - (time.monotonic() - since)

    def _finish(self, target: str) -> None:
        self._stop_pods()
        if self.terminating:
            return
        why = condition(self.job, target) or {}
        self._condition(_ENDINGS[target], "True", why["reason"], why["message"])
        if target == "SuccessCriteriaMet":
            self.status["completionTime"] = now()
            self._event("Completed", "Job completed")
        else:
            self._event(why["reason"], why["message"], "Warning")

    def _stop_pods(self) -> None:
        for pod in self.active:
            delete(self.api, place_of(PODS, pod), Deletion())
            self._event("SuccessfulDelete", f"Deleted pod: {name_of(pod)}")
        self.terminating += [pod for pod in self.active if self.api.store.get(PODS, namespace_of(pod), name_of(pod))]
        self.active = []

    def _expire(self) -> float | None:
        seconds = self.spec.get("ttlSecondsAfterFinished")
        end = condition(self.job, "Complete") or condition(self.job, "Failed")
        if seconds is None or end is None:
            return None
        left: float = seconds / self.speed - seconds_since(end["lastTransitionTime"])
        if left > 0:
            return left
        delete(self.api, place_of(JOBS, self.job), Deletion(propagation="Background"))
        return None

    def _write(self, counted: list[Object]) -> None:
        self.status.pop("active", None)
        if self.active:
            self.status["active"] = len(self.active)
        self.status["ready"] = sum(is_true(pod, "Ready") for pod in self.active)
        self.status["terminating"] = len(self.terminating)
        self.status["uncountedTerminatedPods"] = {}
        self.api.write_status(JOBS, self.job, self.status, COMPONENT)
        for pod in counted:
            self.api.change(place_of(PODS, pod), job_pods.released, Options(COMPONENT))

    def _condition(self, kind: str, status: str, reason: str, message: str) -> None:
        fresh = {"type": kind, "status": status, "lastProbeTime": now(), "reason": reason, "message": message}
        set_condition(self.status["conditions"], fresh)

    def _event(self, reason: str, message: str, kind: str = "Normal") -> None:
        events.record(self.api, self.job, reason, message, COMPONENT, kind)

    def _wait_for(self, seconds: float) -> None:
        self.wait = min(seconds, self.wait or seconds)
