"""Measures: what is counted of a run that is over, and of what runs wait for."""

import pytest
from dropforge.domain.failures import failure
from dropforge.domain.journeys import Stage
from dropforge.domain.measures import (
    DIMENSIONS,
    EndDetail,
    Measure,
    RunOver,
    of_attempt,
    of_end,
    of_leases,
    of_waits,
    queued,
)
from dropforge.domain.timeline import Entry
from dropforge.domain.waiting import for_job

from tests.builders import lease, planned, run

START = 1_700_000_000


def entry(second: int, what: str, attempt: int | None = 1, **details: object) -> Entry:
    return Entry(
        at=f"2026-01-02T03:{second // 60:02d}:{second % 60:02d}Z",
        what=what,
        actor="f",
        attempt=attempt,
        details=details,
    )


def over(kind: str, run_id: str = "birds-1", code: str | None = None) -> RunOver:
    found = failure(code, "Why.") if code else None
    detail = EndDetail(project="zoo", run_id=run_id, execution="e-1", failure=found)
    return RunOver.model_validate({"detail-type": kind, "detail": detail})


WAITED_TWICE = [
    entry(0, "RunAdmitted", execution="e-1"),
    entry(10, "RunQueued", step="train"),
    entry(15, "RunQueued", step="train"),
    entry(40, "RunStarted", step="train"),
    entry(100, "RunEvicted", step="train"),
    entry(105, "RunQueued", step="train"),
    entry(130, "RunStarted", step="train"),
    entry(200, "ModelRegistered", None),
]


def named(measures: list[Measure]) -> dict[str, tuple[float, tuple[str, ...]]]:
    return {measure.name: (measure.value, measure.dimensions) for measure in measures}


@pytest.mark.parametrize(
    ("kind", "state"), [("ModelRegistered", "succeeded"), ("RunFailed", "failed"), ("RunCancelled", "cancelled")]
)
def test_a_run_is_counted_once_by_team_and_state(kind: str, state: str) -> None:
    assert named(of_end(over(kind), "vision", [], [])) == {"RunFinished": (1, ("vision", state))}


def test_an_upload_that_never_became_a_run_was_rejected() -> None:
    assert named(of_end(over("RunFailed", ""), "vision", [], []))["RunFinished"] == (1, ("vision", "rejected"))


def test_a_defect_of_ours_is_counted_and_a_users_mistake_is_not() -> None:
    assert "DefectFound" in named(of_end(over("RunFailed", code="Unexpected"), "vision", [], []))
    assert "DefectFound" not in named(of_end(over("RunFailed", code="JobFailed"), "vision", [], []))


def test_times_run_from_the_admission_to_the_end_and_count_every_wait_for_quota() -> None:
    found = named(of_end(over("ModelRegistered"), "vision", WAITED_TWICE, []))
    assert (found["RunSeconds"], found["QueueSeconds"]) == ((200, ("vision",)), (60, ("vision",)))


def test_a_run_that_ends_while_it_waits_has_waited_until_then() -> None:
    assert queued([entry(0, "RunQueued"), entry(9, "RunCancelled")]) == 9


def test_a_stage_is_measured_when_it_was_left() -> None:
    stages = [
        Stage(name="PlanRun", status="succeeded", started=START, ended=START + 2.5),
        Stage(name="RunSteps", status="running", started=START + 3),
        Stage(name="RegisterModel", status="waiting"),
    ]
    (measure,) = [m for m in of_end(over("RunFailed"), "vision", [], stages) if m.name == "StageSeconds"]
    assert (measure.value, measure.dimensions, measure.unit) == (2.5, ("PlanRun",), "Seconds")


def test_an_attempt_is_told_from_those_before_and_after_it() -> None:
    earlier = [entry(0, "RunAdmitted", 1, execution="e-0"), entry(5, "RunFailed", 1)]
    own = [entry(10, "RunAdmitted", 2, execution="e-1"), entry(20, "RunStarted", 2), entry(30, "RunFailed", 2)]
    later = [entry(40, "RunAdmitted", 3, execution="e-2")]
    assert of_attempt([*earlier, *own, *later], "e-1") == own


@pytest.mark.parametrize("entries", [[], WAITED_TWICE[:-1], WAITED_TWICE[1:]])
def test_a_timeline_without_both_ends_measures_no_times(entries: list[Entry]) -> None:
    assert of_attempt(entries, "e-1") == []


def test_waits_are_counted_by_team_and_phase() -> None:
    wait = for_job(run(), planned(), planned().steps[-1], "token")
    phases = ("queued", "queued", "running")
    waits = [wait.model_copy(update={"name": f"job-{n}", "phase": phase}) for n, phase in enumerate(phases)]
    task = wait.model_copy(update={"kind": "file-system-task", "team": "speech"})
    found = {m.dimensions: m.value for m in of_waits([*waits, task])}
    assert found == {("vision", "new"): 0, ("vision", "queued"): 2, ("vision", "running"): 1}


def test_every_measure_has_as_many_dimensions_as_its_name_says() -> None:
    stages = [Stage(name="PlanRun", status="succeeded", started=START, ended=START + 1)]
    wait = for_job(run(), planned(), planned().steps[-1], "token")
    made = [*of_end(over("RunFailed", code="Unexpected"), "vision", WAITED_TWICE, stages), *of_waits([wait])]
    made += [Measure("WatchLag", 1), of_leases([(run(status="failed"), lease())])]
    assert {measure.name for measure in made} == set(DIMENSIONS)
    assert all(len(measure.dimensions) == len(DIMENSIONS[measure.name]) for measure in made)
