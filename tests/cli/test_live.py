"""The live view: what runs and what it costs, what is waited for and since when, and one line per change where nobody looks at a terminal."""

import io
from datetime import UTC, datetime

from dropforge.domain.journeys import Journey, Stage
from dropforge.domain.runs import Progress
from dropforge.domain.terms import terms_of
from dropforge.domain.timeline import Entry
from rich.console import Console

from cli import live
from tests.builders import EXECUTION, planned, run

NOW = datetime(2026, 1, 2, 3, 34, 5, tzinfo=UTC)
HALF_AN_HOUR_AGO = "2026-01-02T03:04:05Z"


def journey(progress: Progress, status: str = "RUNNING", usd: float = 2.0) -> Journey:
    terms = terms_of(planned()).model_copy(update={"usd_per_hour": usd, "nodes": 1}).model_dump(mode="json")
    told = [("RunAdmitted", {"terms": terms}, None), ("RunStarted", {"started_at": HALF_AN_HOUR_AGO}, "train")]
    began = datetime.fromisoformat(HALF_AN_HOUR_AGO).timestamp()
    return Journey(
        execution=EXECUTION,
        execution_arn="",
        status=status,
        arrival=None,
        run=run().model_copy(update={"price_usd": 6.0}),
        progress=progress,
        stages=(Stage(name="PlanRun", status="succeeded", started=began, ended=began + 1.5),),
        jobs=(Stage(name="SubmitJob", status="running", started=began),),
        timeline=tuple(
            Entry(at=HALF_AN_HOUR_AGO, what=what, actor="f", attempt=1, step=step, details=details)
            for what, details, step in told
        ),
    )


TRAINS = Progress(
    step="train",
    job="j",
    phase="running",
    at=HALF_AN_HOUR_AGO,
    done=3,
    total=9,
    loss=0.5,
    rate=0.002,
    losses=(2, 1, 0.5),
)
WAITS = Progress(step="train", job="j", phase="queued", at=HALF_AN_HOUR_AGO, reason="no room")


def drawn(shown: Journey, *, plain: bool = False) -> str:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(live.picture(shown, plain=plain))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_job_that_trains_shows_its_step_loss_curve_and_rate() -> None:
    assert live.job_line(journey(TRAINS), NOW) == "  job train: running, step 3/9, loss 0.5000 █▃▁, rate 2.0e-03"


def test_a_job_that_waits_shows_the_queues_words_and_for_how_long_they_have_held() -> None:
    assert live.job_line(journey(WAITS), NOW) == "  job train: queued, no room (for 30 min)"


def test_the_price_so_far_is_that_of_the_jobs_until_now() -> None:
    assert live.price_line(journey(TRAINS), NOW) == "  price so far $1.00, at most $6.00 (0.5 h of jobs)"


def test_the_picture_has_stages_with_times_the_job_and_the_price() -> None:
    shown = drawn(journey(TRAINS))
    assert "✓  PlanRun" in shown
    assert "1.5 s" in shown
    assert "step 3/9" in shown
    assert "price so far" in shown


def test_a_terminal_that_knows_no_more_than_ascii_gets_ascii_marks() -> None:
    assert "+  PlanRun" in drawn(journey(WAITS), plain=True)


def test_lines_say_nothing_that_changes_while_nothing_happens() -> None:
    first, second = (live.lines(journey(WAITS)) for _ in range(2))
    assert first == second == ["PlanRun: succeeded in 1.5 s", "  job train: queued, no room"]


def test_where_nobody_looks_at_a_terminal_a_change_is_one_line() -> None:
    console = Console(file=io.StringIO(), width=80)
    live.follow(console, iter([journey(WAITS), journey(WAITS), journey(TRAINS), journey(TRAINS, "SUCCEEDED")]))
    assert isinstance(console.file, io.StringIO)
    assert len(console.file.getvalue().splitlines()) == 3
