"""Failures: every one says what, why, whose move and what next, from the raiser to the terminal."""

import inspect
import json

import pytest
from dropforge import errors
from dropforge.domain.catalogue import CATALOGUE
from dropforge.domain.failures import failure, read_cause
from dropforge.errors import InvalidInput, NotFound, Problem

from tests.builders import job_failed

CLASSES = {c.__name__: c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, Problem)}
OF_STEP_FUNCTIONS = {"States.Timeout", "States.Aborted", "States.ExceedToleratedFailureThreshold", "Unexpected"}


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_code_belongs_to_an_error_and_speaks_in_sentences(code: str) -> None:
    entry = CATALOGUE[code]
    assert entry.error in CLASSES or entry.error in OF_STEP_FUNCTIONS
    assert entry.what.endswith(".")
    assert entry.next.endswith(".")


def test_a_map_that_forgives_nothing_says_which_stage_it_is() -> None:
    found = read_cause(
        "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded."
    )
    assert (found.code, found.why) == ("RangesUnread", "The specified tolerated failure threshold was exceeded.")


@pytest.mark.parametrize("error", sorted(set(CLASSES) - {"Problem"}))
def test_errors_are_flat_because_step_functions_compares_the_exact_name(error: str) -> None:
    assert CLASSES[error].__bases__ == (Problem,)
    assert CLASSES[error].__subclasses__() == []


def test_the_text_of_an_error_is_its_failure() -> None:
    problem = InvalidInput("EmptyFile", "`train.jsonl` has 0 bytes.", {"key": "k"})
    assert json.loads(str(problem)) == problem.failure.model_dump(mode="json")
    assert (problem.failure.error, problem.failure.code) == ("InvalidInput", "EmptyFile")


def test_a_code_cannot_be_raised_as_another_error_than_its_own() -> None:
    with pytest.raises(TypeError, match="EmptyFile is a InvalidInput"):
        NotFound("EmptyFile", "?")


def test_a_code_that_is_not_in_the_catalogue_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        InvalidInput("NoSuchCode", "?")


def test_a_lambda_failure_of_ours_is_read_back_whole() -> None:
    problem = InvalidInput("DatasetRejected", "1 fault in 1 file.", {"report": "s3://r", "first": ["line 3"]})
    cause = json.dumps({"errorMessage": str(problem), "errorType": "InvalidInput", "stackTrace": ["..."]})
    assert read_cause("InvalidInput", cause) == problem.failure


def test_a_failed_tokens_cause_is_the_failure_itself() -> None:
    assert read_cause("WorkloadFailed", job_failed().model_dump_json()) == job_failed()


@pytest.mark.parametrize(
    ("error", "cause", "why"),
    [
        ("KeyError", '{"errorMessage": "\'plan\'", "errorType": "KeyError"}', "'plan'"),
        ("States.Runtime", "An error occurred while executing the state", "An error occurred"),
        ("Sandbox.Timedout", '{"errorMessage": "Task timed out after 60.00 seconds"}', "Task timed out"),
        ("States.DataLimitExceeded", "", "States.DataLimitExceeded"),
        ("X", '{"error": "half a fail', '{"error": "half a fail'),
        ("X", '["a list"]', '["a list"]'),
    ],
)
def test_what_nobody_foresaw_keeps_its_raw_text(error: str, cause: str, why: str) -> None:
    found = read_cause(error, cause)
    assert (found.code, found.evidence) == ("Unexpected", {"error": error})
    assert why in found.why


def test_a_time_out_is_named_as_one_with_or_without_a_cause() -> None:
    assert read_cause("States.Timeout", "").code == "ExecutionTimedOut"
    assert read_cause("States.Timeout", "RunSteps waited").why == "RunSteps waited"


def test_a_failure_survives_its_own_json() -> None:
    made = failure("JobFailed", "why", {"n": 1, "list": ["a"], "none": None}, ("line",))
    assert type(made).model_validate_json(made.model_dump_json()) == made
