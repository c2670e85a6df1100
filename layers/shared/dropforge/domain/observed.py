"""What the watcher reads of a cluster's lists, decoded from the bytes of a page without building what nobody looks at.

msgspec, because a list of ten thousand jobs is read every minute (docs/performance.md); it passes over fields that are not named here. Kubernetes
leaves empty fields out or writes null for them, so both are read as nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Generic, Literal, TypeVar

from msgspec import Struct, convert, field
from msgspec.json import Decoder

from dropforge import naming
from dropforge.domain.jobs import JobState
from dropforge.domain.values import Value

Item = TypeVar("Item")
Queueing = Mapping[str, "Queued"]


class Owner(Struct):
    """Who an object belongs to."""

    kind: str
    name: str


class Metadata(Struct):
    """An object's metadata, as far as we read it."""

    name: str
    labels: dict[str, str] | None = None
    created_at: str = field(name="creationTimestamp", default="")
    owners: list[Owner] | None = field(name="ownerReferences", default=None)


class Condition(Struct):
    """A condition of a Job or a Workload."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    since: str | None = field(name="lastTransitionTime", default=None)


class JobSpec(Struct):
    """Whether a Job may run."""

    suspend: bool | None = None


class JobStatus(Struct):
    """How far a Job has come."""

    conditions: list[Condition] | None = None
    active: int = 0
    started_at: str = field(name="startTime", default="")


class Job(Struct):
    """A batch/v1 Job as the API server returns it."""

    metadata: Metadata
    spec: JobSpec = field(default_factory=JobSpec)
    status: JobStatus = field(default_factory=JobStatus)

    def state(self) -> JobState:
        """Return what the Job is doing. Only Complete and Failed end it: SuccessCriteriaMet and FailureTarget come before the pods are gone."""
        name, started_at = self.metadata.name, self.status.started_at
        for condition in self.status.conditions or ():
            if condition.status == "True" and condition.type in ("Complete", "Failed"):
                over: Literal["succeeded", "failed"] = "succeeded" if condition.type == "Complete" else "failed"
                said = {"reason": condition.reason, "message": condition.message}
                return JobState(name=name, phase=over, started_at=started_at, **said)
        running = not self.spec.suspend and self.status.active > 0
        return JobState(name=name, phase="running" if running else "queued", started_at=started_at)

    @property
    def owner(self) -> tuple[str, int]:
        """The run id and the attempt that it belongs to."""
        labels = self.metadata.labels or {}
        return labels.get(naming.label("run"), ""), int(labels.get(naming.label("attempt"), "0"))


class WorkloadStatus(Struct):
    """What Kueue says of a Workload."""

    conditions: list[Condition] | None = None


class Queued(Value):
    """What the queue says of a job: why it waits, since when it is admitted, why it was stopped and waits again."""

    reason: str = ""
    admitted_at: datetime | None = None
    evicted: str = ""
    evicted_at: str = ""


_NONE = Condition(type="", status="")


class Workload(Struct):
    """Kueue's Workload, whose fields that we read are the same in v1beta1 and v1beta2.

    Any reason under `QuotaReserved=False` means queued; a finished Workload keeps `Admitted=True`, so that alone says nothing.
    """

    metadata: Metadata
    status: WorkloadStatus = field(default_factory=WorkloadStatus)

    def queued(self) -> Queued:
        """Return what the queue says of it."""
        conditions = {condition.type: condition for condition in self.status.conditions or ()}
        reserved, admitted, evicted = (conditions.get(kind, _NONE) for kind in ("QuotaReserved", "Admitted", "Evicted"))
        stopped = evicted.status == "True"
        return Queued(
            reason=reserved.message if reserved.status == "False" else "",
            admitted_at=_time(admitted.since) if admitted.status == "True" else None,
            evicted=evicted.message if stopped else "",
            evicted_at=_time(evicted.since).isoformat() if stopped and evicted.since else "",
        )


def _time(text: str | None) -> datetime:
    return convert(text, datetime)


class PageMetadata(Struct):
    """Where a list goes on; empty after the last page."""

    go_on: str = field(name="continue", default="")


class Page(Struct, Generic[Item]):
    """One page of a list."""

    metadata: PageMetadata
    items: list[Item] | None = None


JOBS: Decoder[Page[Job]] = Decoder(Page[Job])
WORKLOADS: Decoder[Page[Workload]] = Decoder(Page[Workload])


def states(jobs: Iterable[Job], names: set[str]) -> dict[str, JobState]:
    """Return what the named jobs are doing; the others are passed over."""
    return {job.metadata.name: job.state() for job in jobs if job.metadata.name in names}


def queueing(workloads: Iterable[Workload], names: set[str]) -> Queueing:
    """Return what the queue says of the named jobs."""
    owned = ((owner.name, workload) for workload in workloads for owner in workload.metadata.owners or ())
    return {name: workload.queued() for name, workload in owned if name in names}
