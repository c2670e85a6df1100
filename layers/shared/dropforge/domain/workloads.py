"""Kueue's Workloads: why a job waits, in Kueue's own words.

Any reason under `QuotaReserved=False` means queued; a finished Workload keeps `Admitted=True`, so that alone says nothing.
"""

from collections.abc import Iterable, Mapping

from pydantic import Field

from dropforge.domain.values import Received

Reasons = Mapping[str, str]


class _Owner(Received):
    kind: str
    name: str


class _Metadata(Received):
    owner_references: tuple[_Owner, ...] = Field(default=(), alias="ownerReferences")


class _Condition(Received):
    type: str
    status: str
    message: str = ""


class _Status(Received):
    conditions: tuple[_Condition, ...] = ()


class Workload(Received):
    """A Workload as far as we read it."""

    metadata: _Metadata
    status: _Status = _Status()

    @property
    def reason(self) -> str:
        """Kueue's message while no quota is reserved; empty otherwise."""
        waiting = (c for c in self.status.conditions if c.type == "QuotaReserved" and c.status == "False")
        return next((condition.message for condition in waiting), "")


def read_reasons(documents: Iterable[dict[str, object]]) -> Reasons:
    """Return why jobs wait, by job name."""
    found: dict[str, str] = {}
    for document in documents:
        workload = Workload.model_validate(document)
        for owner in workload.metadata.owner_references:
            found[owner.name] = workload.reason
    return found
