"""How far a job has come, and when it counts as stuck."""

from datetime import UTC, datetime

import pytest
from dropforge.domain.progress import Line, Stall, find_stall, read_line, read_progress
from dropforge.domain.recipes import Stuck
from dropforge.domain.runs import Progress

PATTERN = r"step=(?P<done>\d+)/(?P<total>\d+)(?: loss=(?P<loss>\S+))?(?: rate=(?P<rate>\S+))?"
START = Progress(step="train", job="j", phase="running", at="then")


def progress(*lines: str, pattern: str = PATTERN) -> Progress:
    return read_progress(START, pattern, list(lines))


def test_the_newest_line_that_matches_says_how_far_a_job_is() -> None:
    found = progress("step=1/9 loss=2.5 rate=1e-3", "step=2/9 loss=2.0 rate=9e-4", "saving")
    assert (found.done, found.total, found.loss, found.rate, found.losses) == (2, 9, 2.0, 0.0009, (2.5, 2.0))
    assert (found.step, found.job, found.phase, found.at) == ("train", "j", "running", "then")


def test_without_a_pattern_or_a_match_nothing_is_known() -> None:
    assert progress("step=1/9", pattern="") == START
    assert progress("hello") == START


def test_only_the_last_sixty_losses_are_kept() -> None:
    found = progress(*(f"step={n}/99 loss={n}" for n in range(99)))
    assert found.losses == tuple(float(n) for n in range(39, 99))


@pytest.mark.parametrize("loss", ["nan", "inf", "1.2.3", "-", "1e999"])
def test_a_loss_that_is_no_number_is_left_out_and_the_rest_is_read(loss: str) -> None:
    found = progress("step=1/9 loss=2.5", f"step=2/9 loss={loss}")
    assert (found.done, found.losses) == (2, (2.5,))


def test_a_line_without_a_loss_leaves_the_loss_at_the_one_before() -> None:
    assert progress("step=1/9 loss=2.5", "step=2/9").loss == 2.5


AT = datetime(2026, 11, 20, 9, 14, 7, tzinfo=UTC).timestamp()
PATIENT = Stuck(times_median=10, at_least_seconds=60)


def steps(*times: float) -> list[Line]:
    return [Line(at, f"step={n}/99 loss=2.0") for n, at in enumerate(times, 1)]


def test_a_step_that_takes_many_times_as_long_as_usual_is_a_stall() -> None:
    found = find_stall(PATTERN, steps(0, 10, 20, 30, 40), PATIENT, now=200)
    assert found == Stall(silent=160, pace=10, last="step=5/99 loss=2.0")


def test_a_slow_step_is_no_stall_before_both_limits_are_passed() -> None:
    assert find_stall(PATTERN, steps(0, 10, 20, 30, 40), PATIENT, now=139) is None
    assert find_stall(PATTERN, steps(0, 1, 2, 3, 4), PATIENT, now=63) is None
    assert find_stall(PATTERN, steps(0, 1, 2, 3, 4), PATIENT, now=64) is not None


def test_without_enough_steps_there_is_no_pace_and_no_stall() -> None:
    assert find_stall(PATTERN, steps(0, 10, 20, 30), PATIENT, now=10_000) is None


def test_lines_that_are_no_steps_and_lines_without_a_time_count_for_nothing() -> None:
    noise = [Line(at, "saving") for at in range(300, 400)]
    timeless = [Line(None, line.text) for line in steps(0, 1, 2, 3, 4)]
    assert find_stall(PATTERN, [*steps(0, 10, 20, 30, 40), *noise], PATIENT, now=400) is not None
    assert find_stall(PATTERN, timeless, PATIENT, now=400) is None
    assert find_stall("", steps(0, 10, 20, 30, 40), PATIENT, now=400) is None


@pytest.mark.parametrize(
    "stamp", ["2026-11-20T09:14:07.123456789Z", "2026-11-20T09:14:07Z", "2026-11-20T10:14:07+01:00"]
)
def test_a_lines_time_is_read_as_kubernetes_writes_it(stamp: str) -> None:
    assert read_line(f"{stamp} step=1/9 loss=2.5") == Line(AT, "step=1/9 loss=2.5")


def test_a_line_without_a_time_is_kept_as_it_is() -> None:
    assert read_line("step=1/9") == Line(None, "step=1/9")
    assert read_line("2026-11-20 is no time") == Line(None, "2026-11-20 is no time")
