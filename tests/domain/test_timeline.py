"""A timeline: what is said once is one line, and lines stand in the order of time."""

from dropforge.domain.events import LeaseExpired, RunAdmitted, RunFailed, RunPlanned, RunQueued
from dropforge.domain.timeline import Entry, entry, in_order
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import job_failed

ADMITTED = RunAdmitted(project="zoo", run_id="birds-1", attempt=2, execution="e")
QUEUED = RunQueued(project="zoo", run_id="birds-1", attempt=2, step="train", reason="8 more needed")


def test_an_announcement_becomes_a_line_with_its_actor() -> None:
    line = entry(ADMITTED, "2026-11-26T10:00:00Z", "dropforge-test-admit-run")
    assert (line.what, line.actor, line.attempt, line.details["execution"]) == (
        "RunAdmitted",
        "dropforge-test-admit-run",
        2,
        "e",
    )


def test_the_reason_is_the_announcements_own_or_its_failures_or_the_one_that_is_given() -> None:
    failed = RunFailed(project="zoo", run_id="birds-1", attempt=1, execution="e", failure=job_failed())
    assert entry(QUEUED, "t", "w").reason == "8 more needed"
    assert entry(failed, "t", "w").reason == "JobFailed: loss is not a number at step 7"
    assert entry(failed, "t", "w", "because").reason == "because"


def test_a_price_stands_on_its_own() -> None:
    planned = RunPlanned(project="zoo", run_id="birds-1", dataset_id="d", recipe="tiny", price_usd=3.5)
    expired = LeaseExpired(project="zoo", run_id="birds-1", attempt=1, expired_at="t", price_usd=4.5)
    assert [entry(one, "t", "w").price_usd for one in (planned, expired)] == [3.5, 4.5]


def test_the_same_said_later_has_the_same_key_and_anything_else_another() -> None:
    key = entry(ADMITTED, "2026-11-26T10:00:00Z", "a").key
    assert entry(ADMITTED, "2026-11-26T11:00:00Z", "a").key == key
    others = [entry(ADMITTED, "t", "b"), entry(ADMITTED, "t", "a", "why"), entry(QUEUED, "t", "a")]
    assert key not in {one.key for one in others}


@given(st.lists(st.integers(0, 99), max_size=9), st.lists(st.integers(0, 99), max_size=9))
def test_timelines_are_joined_in_the_order_of_time_and_lose_nothing(one: list[int], other: list[int]) -> None:
    def lines(minutes: list[int]) -> list[Entry]:
        return [Entry(at=f"2026-11-26T10:{minute:02}", what="RunQueued", actor="w") for minute in minutes]

    joined = in_order(lines(one), lines(other))
    assert [line.at for line in joined] == sorted(line.at for line in lines(one + other))
