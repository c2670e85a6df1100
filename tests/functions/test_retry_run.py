"""RetryRun: the next attempt is named first and started once, by a member, when nothing of the last one is left."""

import pytest
from dropforge import naming
from dropforge.adapters import admissions, arrivals, aws, ledger
from dropforge.domain.datasets import execution_name
from dropforge.domain.runs import Run, Status
from dropforge.domain.uploads import Drop

from tests.builders import EXECUTION, arrival, dataset, job_failed, planned, recipe, upload
from tests.functions.acting import ask
from tests.functions.test_receive_drop import executions
from tests.functions.wires import Functions, refusing

STRANGER = "arn:aws:iam::123456789012:user/mallory"
RUN = planned().run_id
SECOND = naming.attempt_execution(RUN, 2)


def claimed() -> Run:
    ledger.bind_upload(arrival())
    return admissions.claim(planned(), dataset(), EXECUTION).run


def ended(status: Status = "failed") -> Run:
    """A first attempt that is over, with nothing left of it."""
    run = claimed()
    assert ledger.end(run.model_copy(update={"status": status, "failure": job_failed()}))
    arrivals.advance(run.upload, run.execution, "failed", run.id, job_failed())
    ledger.release_lease(run)
    return run


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_run_that_ended_badly_gets_the_execution_of_its_next_attempt(
    members: str, others: Functions, status: Status
) -> None:
    ended(status)
    code, answer = ask("retry_run", RUN, members)
    (execution,) = executions()
    assert (code, answer) == (200, {"run_id": RUN, "execution": SECOND})
    assert execution["name"] == SECOND
    wanted = Drop.model_validate_json(execution["input"])
    assert (wanted.upload, wanted.run["parameters"]) == (upload(), planned().parameters)


def test_the_upload_follows_the_new_attempt(members: str, others: Functions) -> None:
    ended()
    ask("retry_run", EXECUTION, members)
    found = ledger.arrival(upload())
    assert found is not None
    assert (found.execution, found.status, found.number, found.failure) == (SECOND, "received", 2, None)


def test_asking_twice_starts_one_attempt(members: str, others: Functions) -> None:
    ended()
    answers = [ask("retry_run", RUN, members) for _ in range(3)]
    assert [answer for _, answer in answers] == [answers[0][1]] * 3
    assert [execution["name"] for execution in executions()] == [SECOND]


def test_a_run_that_is_retried_under_way_has_one_attempt_more(members: str, others: Functions) -> None:
    ended()
    ask("retry_run", RUN, members)
    assert admissions.claim(planned(), dataset(), SECOND).run.attempt == 2
    code, refused = ask("retry_run", RUN, members)
    assert (code, refused["code"]) == (409, "RunStillRuns")


@pytest.mark.parametrize(("status", "said"), [("running", "RunStillRuns"), ("succeeded", "RunHasItsModel")])
def test_what_runs_or_has_its_model_is_not_tried_again(
    members: str, others: Functions, status: Status, said: str
) -> None:
    run = claimed()
    if status != "running":
        assert ledger.end(run.model_copy(update={"status": status}))
        ledger.release_lease(run)
    code, refused = ask("retry_run", RUN, members)
    assert (code, refused["code"], executions()) == (409, said, [])


def test_a_retry_waits_until_nothing_of_the_last_attempt_is_left(members: str, others: Functions) -> None:
    assert ledger.end(claimed().model_copy(update={"status": "failed"}))
    code, refused = ask("retry_run", RUN, members)
    assert (code, refused["code"], executions()) == (409, "StillEnding", [])


def test_an_upload_that_failed_before_it_was_a_run_is_started_again_under_the_next_number(
    members: str, others: Functions
) -> None:
    first = execution_name("zoo", "birds", upload())
    ledger.bind_upload(arrival(first))
    arrivals.advance(upload(), first, "failed", None, job_failed())
    code, answer = ask("retry_run", first, members)
    second = first.removesuffix("-1") + "-2"
    assert (code, answer) == (200, {"run_id": "", "execution": second})
    assert [execution["name"] for execution in executions()] == [second]
    assert ask("retry_run", second, members)[1]["code"] == "RunStillRuns"


def test_a_stranger_starts_nothing(members: str, others: Functions) -> None:
    ended()
    code, refused = ask("retry_run", RUN, STRANGER)
    assert (code, refused["code"], executions()) == (400, "NotAMember", [])


def test_a_start_that_fails_is_said_and_the_next_try_starts_the_same_execution(members: str, others: Functions) -> None:
    ended()
    with refusing(aws.stepfunctions(), "StartExecution", "ThrottlingException", 4):
        code, refused = ask("retry_run", RUN, members)
    assert (code, refused["code"], executions()) == (503, "AwsBusy", [])
    assert ask("retry_run", RUN, members) == (200, {"run_id": RUN, "execution": SECOND})
    assert [execution["name"] for execution in executions()] == [SECOND]


def test_a_retry_that_ended_before_it_claimed_anything_is_followed_by_another(members: str, others: Functions) -> None:
    ended()
    for number in (2, 3):
        code, answer = ask("retry_run", RUN, members)
        wanted = naming.attempt_execution(RUN, number)
        assert (code, answer) == (200, {"run_id": RUN, "execution": wanted})
        arrivals.advance(upload(), wanted, "failed", None, job_failed())
        assert ask("retry_run", wanted, STRANGER)[1]["code"] == "NotAMember"  # found by its own name
    assert {execution["name"] for execution in executions()} == {f"{RUN}-2", f"{RUN}-3"}
    ask("retry_run", f"{RUN}-3", members)
    assert admissions.claim(planned(), dataset(), f"{RUN}-4").run.attempt == 2


def test_a_run_whose_upload_stands_for_another_by_now_is_not_tried_again(members: str, others: Functions) -> None:
    """The recipe has changed since, so its retry was another run."""
    ended()
    ask("retry_run", RUN, members)
    other = planned(by=recipe(description="Other"))
    assert admissions.claim(other, dataset(), SECOND).run.id != RUN
    code, refused = ask("retry_run", RUN, members)
    assert (code, refused["code"]) == (409, "RunStillRuns")
    assert other.run_id in refused["why"]
