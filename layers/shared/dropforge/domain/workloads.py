"""Kueue's Workloads: why a job waits, since when it may run, why it was stopped; in Kueue's own words.

Any reason under `QuotaReserved=False` means queued; a finished Workload keeps `Admitted=True`, so that alone says nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import Field

from dropforge.domain.values import Received, Value

Queueing = Mapping[str, "Queued"]


class _Owner(Received):
    kind: str
    name: str


class _Metadata(Received):
    owner_references: tuple[_Owner, ...] = Field(default=(), alias="ownerReferences")


class _Condition(Received):
    type: str
    status: str
    message: str = ""
    since: datetime | None = Field(default=None, alias="lastTransitionTime")


_NONE = _Condition(type="", status="")


class _Status(Received):
    conditions: tuple[_Condition, ...] = ()


class Queued(Value):
    """What the queue says of a job: why it waits, since when it is admitted, why it was stopped and waits again."""

    reason: str = ""
    admitted_at: datetime | None = None
    evicted: str = ""
    evicted_at: str = ""


class Workload(Received):
    """A Workload as far as we read it."""

    metadata: _Metadata
    status: _Status = _Status()

    def queued(self) -> Queued:
        """Return what the queue says of it."""
        conditions = {condition.type: condition for condition in self.status.conditions}
        reserved, admitted, evicted = (conditions.get(kind, _NONE) for kind in ("QuotaReserved", "Admitted", "Evicted"))
        stopped = evicted.status == "True"
        return Queued(
            reason=reserved.message if reserved.status == "False" else "",
            admitted_at=admitted.since if admitted.status == "True" else None,
            evicted=evicted.message if stopped else "",
            evicted_at=evicted.since.isoformat() if stopped and evicted.since else "",
        )


def read_queueing(documents: Iterable[dict[str, object]]) -> Queueing:
    """Return what the queue says, by job name."""
    found: dict[str, Queued] = {}
    for document in documents:
        workload = Workload.model_validate(document)
        for owner in workload.metadata.owner_references:
            found[owner.name] = workload.queued()
    return found
