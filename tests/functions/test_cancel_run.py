"""CancelRun: a member's wish is written down, the execution is stopped, and what is over stays as it ended."""

import pytest
from dropforge.adapters import admissions, arrivals, aws, cancellations, ledger, machine, retries, starts
from dropforge.adapters.references import Meant
from dropforge.domain.callers import Order
from dropforge.domain.runs import Run, Status
from dropforge.domain.starts import Again, Retrain, StartAgain
from dropforge.domain.uploads import Drop
from dropforge.errors import Conflict

from tests.builders import EXECUTION, arrival, dataset, job_failed, planned, upload
from tests.contracts.repository import handler_module
from tests.functions.acting import answered, ask
from tests.functions.conftest import Context
from tests.functions.test_receive_drop import executions
from tests.functions.wires import Functions, refusing

STRANGER = "arn:aws:iam::123456789012:user/mallory"


@pytest.fixture
def running() -> Run:
    """A run whose execution has claimed it."""
    machine.start(EXECUTION, Drop(upload=upload()))
    ledger.bind_upload(arrival())
    return admissions.claim(planned(), dataset(), EXECUTION).run


def held() -> Run:
    found = ledger.run(planned().run_id)
    assert found is not None
    return found


def stopped() -> str:
    described = machine.describe(EXECUTION)
    assert described is not None
    return str(described["status"])


def test_a_member_cancels_by_run_execution_or_upload(running: Run, members: str) -> None:
    for reference in (running.id, EXECUTION, upload().id):
        status, answer = ask("cancel_run", reference, members, "wrong data")
        assert (status, answer["run_id"], answer["attempt"], answer["already_over"]) == (200, running.id, 1, False)
    wish = held().cancellation
    assert wish is not None
    assert (wish.by, wish.reason, stopped()) == (members, "wrong data", "ABORTED")


def test_the_first_wish_is_the_one_that_is_kept(running: Run, members: str) -> None:
    ask("cancel_run", running.id, members, "first")
    ask("cancel_run", running.id, members, "second")
    wish = held().cancellation
    assert wish is not None
    assert wish.reason == "first"


def test_a_wish_stands_although_the_execution_could_not_be_stopped_and_the_next_try_stops_it(
    running: Run, members: str
) -> None:
    with refusing(aws.stepfunctions(), "StopExecution", "ThrottlingException", 4):
        status, answer = ask("cancel_run", running.id, members)
    assert (status, answer["code"]) == (503, "AwsBusy")
    assert held().cancellation is not None
    assert ask("cancel_run", running.id, members)[0] == 200
    assert stopped() == "ABORTED"


def test_a_stranger_is_refused_and_nothing_happens(running: Run, members: str) -> None:
    status, refused = ask("cancel_run", running.id, STRANGER)
    assert (status, refused["code"], refused["whose"]) == (400, "NotAMember", "the platform team")
    assert STRANGER in refused["why"]
    assert held().cancellation is None


@pytest.mark.parametrize("event", [{}, {"requestContext": {"authorizer": {}}, "body": "{}"}, {"run": "birds-1"}])
def test_nobody_acts_without_an_identity(running: Run, members: str, event: dict[str, object]) -> None:
    status, refused = answered(handler_module("cancel_run").handler(event, Context()))
    assert (status, refused["code"]) == (400, "BadOrder")
    assert held().cancellation is None


def test_a_reference_that_nobody_knows_is_not_found(members: str) -> None:
    status, refused = ask("cancel_run", "birds-000000000000", members)
    assert (status, refused["code"]) == (404, "RunNotFound")


@pytest.mark.parametrize("ended", ["succeeded", "failed", "cancelled"])
def test_what_is_over_stays_as_it_ended(running: Run, members: str, ended: Status) -> None:
    assert ledger.end(running.model_copy(update={"status": ended}))
    status, answer = ask("cancel_run", running.id, members)
    assert (status, answer["already_over"]) == (200, True)
    assert (held().status, held().cancellation) == (ended, None)


def test_an_upload_that_is_not_a_run_yet_is_cancelled_by_its_executions_name_whatever_that_is(members: str) -> None:
    machine.start(EXECUTION, Drop(upload=upload()))
    ledger.bind_upload(arrival())
    status, answer = ask("cancel_run", EXECUTION, members, "not this one")
    assert (status, answer["run_id"], answer["execution"], answer["already_over"]) == (200, "", EXECUTION, False)
    assert stopped() == "ABORTED"


def statuses() -> dict[str, str]:
    return {execution["name"]: execution["status"] for execution in executions()}


@pytest.mark.parametrize("by", ["run", "execution"])
def test_a_retry_that_is_not_a_run_yet_is_what_is_cancelled(
    running: Run, members: str, others: Functions, by: str
) -> None:
    assert ledger.end(running.model_copy(update={"status": "failed", "failure": job_failed()}))
    arrivals.advance(running.upload, EXECUTION, "failed", running.id, job_failed())
    ledger.release_lease(running)
    second = retries.retry(Meant(held(), ledger.arrival(upload()))).execution
    status, answer = ask("cancel_run", running.id if by == "run" else second, members)
    assert (status, answer["execution"], answer["already_over"]) == (200, second, False)
    assert statuses()[second] == "ABORTED"


def test_an_upload_that_was_cancelled_is_never_started_nor_admitted_and_ends_cancelled(
    members: str, others: Functions
) -> None:
    ledger.bind_upload(arrival())
    assert ask("cancel_run", EXECUTION, members, "too early")[1]["already_over"] is False
    again = StartAgain(again=Again(upload=upload(), execution=EXECUTION))
    assert (starts.again(again).action, statuses()) == ("known", {})
    with pytest.raises(Conflict, match="too early"):
        admissions.claim(planned(), dataset(), EXECUTION)
    assert ledger.run(planned().run_id) is None


def test_a_run_that_an_upload_becomes_while_it_is_cancelled_is_cancelled(
    members: str,
) -> None:
    machine.start(EXECUTION, Drop(upload=upload()))
    ledger.bind_upload(arrival())
    before = arrival()
    admissions.claim(planned(), dataset(), EXECUTION)
    cancelled = cancellations.cancel(before, Order(caller=members, run=EXECUTION, reason="at the last moment"))
    assert (cancelled.run_id, cancelled.already_over, stopped()) == (planned().run_id, False, "ABORTED")
    wish = held().cancellation
    assert wish is not None
    assert wish.reason == "at the last moment"


def test_cancelling_a_repetition_by_its_name_leaves_the_first_run_alone(running: Run, members: str) -> None:
    ledger.record_latest(arrival(), "2026-01-01T00:00:00Z")
    repetition = starts.by_schedule(Retrain(retrain="zoo/birds", repeat="2026-11-26")).execution
    status, answer = ask("cancel_run", repetition, members)
    assert (status, answer["execution"], answer["run_id"]) == (200, repetition, "")
    assert (statuses()[repetition], statuses()[EXECUTION], held().cancellation) == ("ABORTED", "RUNNING", None)


def test_an_end_is_not_written_over_another(members: str) -> None:
    ledger.bind_upload(arrival())
    arrivals.advance(upload(), EXECUTION, "cancelled", None, job_failed())
    arrivals.advance(upload(), EXECUTION, "rejected", None, job_failed())
    found = ledger.arrival(upload())
    assert found is not None
    assert found.status == "cancelled"
