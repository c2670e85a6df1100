"""Journeys: the stages with the times that Step Functions recorded."""

from typing import Literal

from dropforge.domain.journeys import STAGES, Moment, Stage, lay_out


def moment(kind: Literal["entered", "exited", "failed"], state: str, at: float) -> Moment:
    return Moment(kind=kind, state=state, at=at)


def test_a_journey_that_has_not_begun_waits_everywhere() -> None:
    assert lay_out([]) == tuple(Stage(name=name, status="waiting") for name in STAGES if name != "CheckRanges")


def test_ranges_are_a_stage_of_large_uploads_only() -> None:
    assert "CheckRanges" in STAGES
    assert "CheckRanges" not in {stage.name for stage in lay_out([moment("entered", "CheckDataset", 1)])}
    stages = {stage.name: stage.status for stage in lay_out([moment("entered", "CheckRanges", 1)])}
    assert stages["CheckRanges"] == "running"


def test_a_stage_that_was_left_has_succeeded_and_the_one_entered_runs() -> None:
    stages = lay_out(
        [
            moment("entered", "RegisterDataset", 1),
            moment("exited", "RegisterDataset", 2),
            moment("entered", "CheckDataset", 2),
        ]
    )
    assert stages[0] == Stage(name="RegisterDataset", status="succeeded", started=1, ended=2)
    assert stages[1] == Stage(name="CheckDataset", status="running", started=2)
    assert {stage.status for stage in stages[2:]} == {"waiting"}


def test_the_stage_that_runs_when_the_execution_fails_is_the_one_that_failed() -> None:
    stages = lay_out(
        [
            moment("entered", "RegisterDataset", 1),
            moment("exited", "RegisterDataset", 2),
            moment("entered", "CheckDataset", 2),
            moment("failed", "", 5),
        ]
    )
    assert [stage.status for stage in stages[:3]] == ["succeeded", "failed", "waiting"]
    assert (stages[1].started, stages[1].ended) == (2, 5)


def test_the_stages_between_two_that_were_entered_were_skipped() -> None:
    entered = [moment("entered", name, at) for at, name in enumerate(("AdmitRun", "RegisterModel"))]
    told = {stage.name: stage.status for stage in lay_out(entered)}
    assert (told["RunSteps"], told["VerifyCheckpoint"], told["RegisterModel"]) == ("skipped", "skipped", "running")


def test_states_that_are_not_stages_are_left_out() -> None:
    stages = lay_out(
        [moment("entered", "IsJoined", 1), moment("exited", "IsJoined", 1), moment("entered", "SubmitJob", 2)]
    )
    assert {stage.status for stage in stages} == {"waiting"}


def test_the_jobs_of_a_run_are_one_stage_from_the_first_to_the_last() -> None:
    stages = lay_out([moment("entered", "RunSteps", 1), moment("exited", "RunSteps", 9)])
    assert Stage(name="RunSteps", status="succeeded", started=1, ended=9) in stages
