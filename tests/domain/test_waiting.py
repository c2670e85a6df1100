"""Waits: what the watcher must know travels with them, and a deadline counts from admission, with grace."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from dropforge.domain.file_systems import FileSystemTask
from dropforge.domain.waiting import DEADLINE_GRACE_SECONDS, for_job, for_task, in_line, overdue, selector, tasks_of
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOW, planned, run

ADMITTED = datetime(2026, 11, 26, tzinfo=UTC)
WAIT = for_job(run(), planned(), planned().steps[-1], "token")
Kind = Literal["import", "export"]
KINDS: tuple[Kind, ...] = ("import", "export")


def task(kind: Kind, file_system: str = "fs-1") -> FileSystemTask:
    return FileSystemTask(file_system=file_system, kind=kind, paths=("runs/1",))


def test_the_wait_of_a_job_says_what_its_end_is_judged_by() -> None:
    assert (WAIT.kind, WAIT.step, WAIT.progress, WAIT.deadline_seconds) == ("job", "train", planned().progress, 3600)
    assert (WAIT.run_id, WAIT.attempt, WAIT.token) == (run().id, 1, "token")


def test_import_and_export_of_one_attempt_have_names_of_their_own() -> None:
    waits = {for_task(run(attempt=n), task(kind), "t", NOW).name for n in (1, 2) for kind in KINDS}
    assert len(waits) == 4
    assert waits == tasks_of(run(attempt=1)) | tasks_of(run(attempt=2))


def test_a_file_system_serves_who_asked_first_and_whom_it_has_not_served_yet() -> None:
    asked = [for_task(run(attempt=n), task("export"), "t", f"2026-11-26T10:0{n}:00Z") for n in (3, 1, 2)]
    begun = asked[1].model_copy(update={"reference": "task-1"})
    elsewhere = for_task(run(attempt=4), task("export", "fs-2"), "t", NOW)
    assert [wait.attempt for wait in in_line([asked[0], begun, asked[2], elsewhere, WAIT], "fs-1")] == [2, 3]


def test_who_was_never_admitted_is_never_late() -> None:
    assert overdue(WAIT, None, ADMITTED + timedelta(days=30)) is None


@given(st.integers(0, 10_000))
def test_a_job_is_late_only_beyond_its_deadline_and_the_grace(seconds: int) -> None:
    late = overdue(WAIT, ADMITTED, ADMITTED + timedelta(seconds=seconds))
    assert late == (seconds - 3600 if seconds > 3600 + DEADLINE_GRACE_SECONDS else None)


def test_a_selector_names_one_attempt() -> None:
    assert selector("birds-1", 2) == "dropforge.dev/run=birds-1,dropforge.dev/attempt=2"
