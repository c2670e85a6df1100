"""Telling: what is announced on the bus is written on a timeline first, so that it can be read later why something happened.

Both are done again when a call is repeated: the row is the same, and a second announcement of the same thing is what events are.
"""

from dropforge.adapters import bus, clock, ledger, settings
from dropforge.domain import timeline
from dropforge.domain.events import Announcement, RunCancelled, RunFailed
from dropforge.domain.uploads import Upload


def tell_of_run(run_id: str, announcement: Announcement, actor: str = "", reason: str = "") -> None:
    """Write an announcement on a run's timeline and put it on the bus. The actor is this function unless a person is named."""
    _tell(timeline.of_run(run_id), announcement, actor, reason)


def tell_of_upload(upload: Upload, announcement: Announcement, actor: str = "", reason: str = "") -> None:
    """Write an announcement on an upload's timeline and put it on the bus."""
    _tell(timeline.of_upload(upload), announcement, actor, reason)


def _tell(subject: str, announcement: Announcement, actor: str, reason: str) -> None:
    line = timeline.entry(announcement, clock.stamp(), actor or settings.function_name(), reason)
    ledger.add_entry(subject, line)
    bus.announce(announcement)


def holds_end(upload: Upload, execution: str) -> bool:
    """Whether an upload's timeline says how an execution ended without a run."""
    ends = (RunFailed.__name__, RunCancelled.__name__)
    lines = ledger.entries(timeline.of_upload(upload))
    return any(line.what in ends and line.details.get("execution") == execution for line in lines)


def read(run_id: str | None, upload: Upload | None) -> tuple[timeline.Entry, ...]:
    """Return what is known of a run and of the upload that it came from, oldest first."""
    own = ledger.entries(timeline.of_run(run_id)) if run_id else []
    before = ledger.entries(timeline.of_upload(upload)) if upload else []
    return timeline.in_order(before, own)
