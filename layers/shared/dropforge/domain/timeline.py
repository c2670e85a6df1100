"""A timeline: what was announced or decided about an upload and its run, by whom, why, and at what price.

An entry's key is made of what it says, so a call that is repeated writes nothing new. `at` is when it was first said.
"""

from pydantic import Field

from dropforge.domain.events import Announcement
from dropforge.domain.uploads import Upload
from dropforge.domain.values import Value, digest


class Entry(Value):
    """One line of a timeline. `actor` is a function of ours or the ARN of a person's identity."""

    at: str
    what: str
    actor: str
    reason: str = ""
    attempt: int | None = None
    step: str | None = None
    price_usd: float | None = None
    details: dict[str, object] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """What tells this entry from others of the same timeline, whenever it was written."""
        said = self.model_dump(mode="json", exclude={"at"})
        return f"{self.attempt or 0:04d}#{self.what}#{digest(said)[:16]}"


def of_upload(upload: Upload) -> str:
    """Return the partition of an upload's timeline: what happened before a run was known."""
    return f"UPLOAD#{upload.id}"


def of_run(run_id: str) -> str:
    """Return the partition of a run's timeline."""
    return f"RUN#{run_id}"


def entry(announcement: Announcement, at: str, actor: str, reason: str = "") -> Entry:
    """Return the line that an announcement leaves. The failure's own cause is its reason unless another one is given."""
    said = announcement.model_dump(mode="json", exclude={"version", "project", "run_id"})
    failure = said.pop("failure", None)
    attempt, step, price = said.pop("attempt", None), said.pop("step", None), said.pop("price_usd", None)
    own = said.pop("reason", "")
    cause = f"{failure['code']}: {failure['why']}" if isinstance(failure, dict) else ""
    return Entry(
        at=at,
        what=type(announcement).__name__,
        actor=actor,
        reason=reason or own or cause,
        attempt=attempt,
        step=step,
        price_usd=price,
        details=said,
    )


def in_order(*timelines: list[Entry]) -> tuple[Entry, ...]:
    """Return the entries of several timelines as one, oldest first."""
    return tuple(sorted((entry for timeline in timelines for entry in timeline), key=lambda entry: entry.at))
