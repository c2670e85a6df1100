"""Waits: what the watcher must know travels with them, and a deadline counts from admission, with grace."""

from datetime import UTC, datetime, timedelta

from dropforge.domain.waiting import DEADLINE_GRACE_SECONDS, for_job, for_task, overdue, selector
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import planned, run

ADMITTED = datetime(2026, 11, 26, tzinfo=UTC)
WAIT = for_job(run(), planned(), planned().steps[-1], "token")


def test_the_wait_of_a_job_says_what_its_end_is_judged_by() -> None:
    assert (WAIT.kind, WAIT.step, WAIT.progress, WAIT.deadline_seconds) == ("job", "train", planned().progress, 3600)
    assert (WAIT.run_id, WAIT.attempt, WAIT.token) == (run().id, 1, "token")


def test_import_and_export_of_one_attempt_have_names_of_their_own() -> None:
    names = {for_task(run(attempt=n), step, "t").name for n in (1, 2) for step in ("import", "export")}
    assert len(names) == 4


def test_who_was_never_admitted_is_never_late() -> None:
    assert overdue(WAIT, None, ADMITTED + timedelta(days=30)) is None


@given(st.integers(0, 10_000))
def test_a_job_is_late_only_beyond_its_deadline_and_the_grace(seconds: int) -> None:
    late = overdue(WAIT, ADMITTED, ADMITTED + timedelta(seconds=seconds))
    assert late == (seconds - 3600 if seconds > 3600 + DEADLINE_GRACE_SECONDS else None)


def test_a_selector_names_one_attempt() -> None:
    assert selector("birds-1", 2) == "dropforge.dev/run=birds-1,dropforge.dev/attempt=2"
