"""Jobs: what a step becomes on a cluster, what its end means, how far it is."""

from typing import Literal

import pytest
from dropforge.domain.datasets import Dataset
from dropforge.domain.jobs import (
    LOG_LINES,
    JobState,
    Termination,
    explain_failure,
    read_termination,
    render,
    succeeded,
    to_json,
)
from dropforge.domain.observed import Job
from msgspec import convert

from tests.builders import dataset, planned, recipe, run, step
from tests.golden_files import check_golden

FAILED = JobState(name="birds-1-train", phase="failed", reason="BackoffLimitExceeded", message="backoff limit")


def test_a_step_becomes_the_job_in_the_golden_file() -> None:
    plan = planned(by=recipe(step("train", "train", "--listing={listing}", "--out={model}", accelerators=8)))
    check_golden("job.json", render(plan, dataset(), run(of=plan), plan.steps[-1]))


def rendered_spec(data: Dataset, at: int = -1) -> str:
    plan = planned(of=data)
    return to_json(render(plan, data, run(of=plan), plan.steps[at]))


def test_the_same_step_is_the_same_text_so_that_applying_it_again_changes_nothing() -> None:
    assert rendered_spec(dataset()) == rendered_spec(dataset())


def test_a_step_without_accelerators_asks_for_none() -> None:
    assert "nvidia.com/gpu" not in rendered_spec(dataset())


def observed(*conditions: dict[str, str], suspend: bool = False, active: int = 0) -> JobState:
    document = {
        "metadata": {"name": "j", "uid": "1"},
        "spec": {"suspend": suspend},
        "status": {"conditions": list(conditions), "active": active},
    }
    return convert(document, Job).state()


def condition(kind: str, status: str = "True", reason: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": "said"}


def test_a_job_that_was_just_made_is_queued() -> None:
    assert convert({"metadata": {"name": "j"}}, Job).state().phase == "queued"


def test_a_suspended_job_is_queued_even_while_its_last_pods_go() -> None:
    assert observed(condition("Suspended"), suspend=True, active=1).phase == "queued"


def test_an_admitted_job_runs_once_it_has_a_pod() -> None:
    assert observed(active=0).phase == "queued"
    assert observed(active=1).phase == "running"


@pytest.mark.parametrize(("kind", "phase"), [("Complete", "succeeded"), ("Failed", "failed")])
def test_only_complete_and_failed_end_a_job(kind: str, phase: Literal["succeeded", "failed"]) -> None:
    assert observed(condition(kind, reason="Why")) == JobState(name="j", phase=phase, reason="Why", message="said")
    assert observed(condition(kind, "False"), active=1).phase == "running"


@pytest.mark.parametrize("kind", ["SuccessCriteriaMet", "FailureTarget"])
def test_a_job_whose_pods_are_still_going_has_not_ended(kind: str) -> None:
    assert observed(condition(kind), active=1).phase == "running"


def test_the_containers_own_words_come_before_the_clusters() -> None:
    said = Termination(step="train", ok=False, code="Diverged", cause="loss is nan", next="Lower learning_rate.")
    found = explain_failure(FAILED, said, ("a", "b"), "s3://logs/train.log")
    assert (found.code, found.why, found.next, found.log) == ("JobFailed", "loss is nan", said.next, ("a", "b"))
    assert found.evidence == {
        "job": "birds-1-train",
        "reason": "BackoffLimitExceeded",
        "log_uri": "s3://logs/train.log",
        "code": "Diverged",
    }


def test_without_words_of_the_container_the_clusters_stand() -> None:
    assert explain_failure(FAILED, None, (), "").why == "backoff limit"


def test_a_failure_without_any_words_says_so() -> None:
    assert "without saying why" in explain_failure(JobState(name="j", phase="failed"), None, (), "").why


def test_a_deadline_is_another_failure_than_a_crash() -> None:
    late = FAILED.model_copy(update={"reason": "DeadlineExceeded"})
    assert explain_failure(late, None, (), "").code == "JobDeadlineExceeded"


def test_a_failure_keeps_the_last_lines_of_the_log() -> None:
    log = tuple(str(n) for n in range(LOG_LINES + 50))
    assert explain_failure(FAILED, None, log, "").log == log[-LOG_LINES:]


@pytest.mark.parametrize("message", ["", "Killed", "{}", '{"step": "train"}', "[]", '{"step": "train", "ok": "per'])
def test_a_message_that_cannot_be_read_is_none(message: str) -> None:
    assert read_termination(message) is None


def test_a_message_may_hold_more_than_we_read() -> None:
    assert read_termination('{"step": "train", "ok": true, "loss": 1.5}') == Termination(step="train", ok=True)


def test_a_job_that_ended_with_status_0_is_believed_only_with_its_own_word() -> None:
    assert not succeeded(None)
    assert not succeeded(Termination(step="train", ok=False))
    assert succeeded(Termination(step="train", ok=True))
