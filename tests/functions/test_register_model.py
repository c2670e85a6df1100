"""RegisterModel: one package per attempt, and none that anybody could approve for a run that ended otherwise."""

from collections.abc import Callable

import pytest
from dropforge.adapters import admissions, aws, clock, ledger, registry
from dropforge.domain.runs import Cancellation, Run
from dropforge.errors import Conflict, Unavailable

from tests.builders import EXECUTION, arrival, checkpoint, dataset, planned, upload
from tests.contracts.repository import Document
from tests.functions.conftest import Call
from tests.functions.wires import refusing

Announced = Callable[[], list[tuple[str, Document]]]


@pytest.fixture
def run() -> Run:
    ledger.bind_upload(arrival())
    return admissions.claim(planned(), dataset(), EXECUTION).run


def to_register(run: Run) -> Document:
    values = {"plan": planned(), "dataset": dataset(), "run": run, "checkpoint": checkpoint()}
    return {name: value.model_dump(mode="json") for name, value in values.items()}


def packages() -> list[tuple[str, str]]:
    """The ARN and the approval of every package of the dataset."""
    listed = aws.sagemaker().list_model_packages(ModelPackageGroupName="zoo--birds")["ModelPackageSummaryList"]
    described = [aws.sagemaker().describe_model_package(ModelPackageName=one["ModelPackageArn"]) for one in listed]
    return [(one["ModelPackageArn"], one["ModelApprovalStatus"]) for one in described]


def now(run: Run) -> Run:
    found = ledger.run(run.id)
    assert found is not None
    return found


def test_a_model_waits_for_approval_and_its_run_has_succeeded(call: Call, run: Run, announced: Announced) -> None:
    model = call("register_model", to_register(run))
    found = ledger.arrival(upload())
    assert found is not None
    assert packages() == [(model["arn"], "PendingManualApproval")]
    assert (now(run).status, now(run).model_arn, ledger.lease(run)) == ("succeeded", model["arn"], None)
    assert (found.status, [kind for kind, _ in announced()]) == ("succeeded", ["ModelRegistered"])


def test_registering_again_finds_the_first_package(call: Call, run: Run) -> None:
    models = [call("register_model", to_register(run)) for _ in range(2)]
    assert models[0] == models[1]
    assert len(packages()) == 1


def test_a_function_that_died_after_it_had_registered_leaves_one_package(call: Call, run: Run) -> None:
    with (
        refusing(aws.dynamodb(), "TransactWriteItems", "ThrottlingException", 4),
        pytest.raises(Unavailable),
    ):
        call("register_model", to_register(run))
    assert (now(run).status, len(packages())) == ("running", 1)
    model = call("register_model", to_register(run))
    assert packages() == [(model["arn"], "PendingManualApproval")]


@pytest.mark.parametrize("meanwhile", ["cancelling", "cancelled", "failed", "next attempt"])
def test_what_was_registered_for_a_run_that_ended_otherwise_is_rejected(
    call: Call, run: Run, announced: Announced, meanwhile: str
) -> None:
    if meanwhile == "cancelling":
        assert ledger.cancel(run, Cancellation(by="ada", reason="", at=clock.stamp()))
    else:
        status = "cancelled" if meanwhile == "cancelled" else "failed"
        assert ledger.end(run.model_copy(update={"status": status}))
    if meanwhile == "next attempt":
        ledger.release_lease(run)
        assert admissions.claim(planned(), dataset(), "birds-2").run.attempt == 2
    before = now(run)
    with pytest.raises(Conflict) as raised:
        call("register_model", to_register(run))
    assert raised.value.failure.code == "RunOver"
    assert [approval for _, approval in packages()] == ["Rejected"]
    assert (now(run), announced()) == (before, [])


def test_the_next_attempt_registers_a_package_of_its_own(call: Call, run: Run) -> None:
    arn = call("register_model", to_register(run))["arn"]
    second = run.model_copy(update={"attempt": 2})
    assert registry.find_of_run(run) == arn
    assert registry.find_of_run(second) is None
