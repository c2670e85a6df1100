"""ReceiveDrop: which objects start an execution, and that the same one never starts two."""

import json
from collections.abc import Callable

import pytest
from dropforge.adapters import arrivals, aws, clock, ledger
from dropforge.domain.runs import ArrivalStatus
from dropforge.domain.starts import Again, StartAgain
from dropforge.domain.uploads import Drop, Upload
from dropforge.errors import NotFound, Unavailable

from tests import builders
from tests.contracts.repository import Document, text
from tests.functions.conftest import MACHINE, Call
from tests.functions.wires import refusing


def created(upload: Upload) -> Document:
    """The real event with another object in it."""
    event: Document = json.loads(text("events/s3_object_created.json"))
    event["detail"]["bucket"]["name"] = upload.bucket
    event["detail"]["object"] |= {"key": upload.key, "version-id": upload.version_id}
    return event


def executions() -> list[Document]:
    client = aws.stepfunctions()
    listed = client.list_executions(stateMachineArn=MACHINE)["executions"]
    return [dict(client.describe_execution(executionArn=one["executionArn"])) for one in listed]


@pytest.mark.parametrize("key", ["datasets/zoo/birds/train.jsonl", "datasets/zoo/birds/up-1/manifest.json"])
def test_a_complete_upload_starts_an_execution_with_itself_as_the_input(call: Call, key: str) -> None:
    upload = builders.upload(key)
    receipt = call("receive_drop", created(upload))
    (execution,) = executions()
    assert receipt == {"action": "started", "execution": execution["name"]}
    assert Drop.model_validate_json(execution["input"]) == Drop(upload=upload)


def test_the_ledger_knows_of_an_upload_once_it_was_received(call: Call) -> None:
    receipt = call("receive_drop", created(builders.upload()))
    arrival = ledger.arrival(builders.upload())
    assert arrival is not None
    assert (arrival.status, arrival.project, arrival.dataset) == ("received", "zoo", "birds")
    assert arrival.execution == receipt["execution"]


def test_the_same_event_again_starts_nothing_more(call: Call) -> None:
    first = call("receive_drop", created(builders.upload()))
    again = call("receive_drop", created(builders.upload()))
    assert again["execution"] == first["execution"]
    assert len(executions()) == 1


def test_a_new_version_of_the_same_object_is_another_drop(call: Call) -> None:
    receipts = [call("receive_drop", created(builders.upload(version_id=v))) for v in ("v1", "v2")]
    assert {execution["name"] for execution in executions()} == {receipt["execution"] for receipt in receipts}
    assert len(executions()) == 2


def test_an_upload_that_is_bound_to_an_execution_stays_with_it(call: Call) -> None:
    ledger.bind_upload(builders.arrival("started-by-hand"))
    assert call("receive_drop", created(builders.upload())) == {"action": "known", "execution": "started-by-hand"}
    assert executions() == []


@pytest.mark.parametrize("name", ["report.json", "up-1/rows.jsonl"])
def test_an_object_that_is_not_for_us_starts_nothing(call: Call, name: str) -> None:
    upload = builders.upload(f"datasets/zoo/birds/{name}")
    assert call("receive_drop", created(upload))["action"] == "ignored"
    assert executions() == []
    assert ledger.arrival(upload) is None


def test_an_object_that_lies_wrong_is_rejected_aloud(
    call: Call, announced: Callable[[], list[tuple[str, Document]]]
) -> None:
    key = "datasets/Zoo/birds/train.jsonl"
    assert call("receive_drop", created(builders.upload(key)))["action"] == "rejected"
    ((kind, detail),) = announced()
    assert (kind, detail["key"], detail["failure"]["code"]) == ("DatasetRejected", key, "WrongKeyLayout")
    assert executions() == []


@pytest.mark.parametrize("folder", ["my data", "a+b", "ünï", "100%", "a&b=c"])
def test_a_folder_may_have_any_name_that_s3_takes(call: Call, folder: str) -> None:
    upload = builders.upload(f"datasets/zoo/birds/{folder}/manifest.json")
    call("receive_drop", created(upload))
    (execution,) = executions()
    assert Drop.model_validate_json(execution["input"]).upload == upload


@pytest.mark.parametrize("status", ["rejected", "failed", "cancelled", "succeeded", "checking", "joined"])
def test_a_late_event_of_an_upload_that_is_further_on_starts_nothing(call: Call, status: ArrivalStatus) -> None:
    first = call("receive_drop", created(builders.upload()))["execution"]
    arrivals.advance(builders.upload(), first, status, None)
    assert call("receive_drop", created(builders.upload())) == {"action": "known", "execution": first}
    found = ledger.arrival(builders.upload())
    assert found is not None
    assert (found.status, len(executions())) == (status, 1)


def test_an_event_that_met_a_busy_service_is_worked_on_when_it_comes_again(call: Call) -> None:
    with (
        refusing(aws.stepfunctions(), "StartExecution", "ThrottlingException", 4),
        pytest.raises(Unavailable, match="StartExecution answered ThrottlingException"),
    ):
        call("receive_drop", created(builders.upload()))
    assert executions() == []
    call("receive_drop", created(builders.upload()))
    assert len(executions()) == 1


def test_an_execution_that_was_named_is_started_once_under_that_name_with_its_request(call: Call) -> None:
    again = Again(upload=builders.upload(), execution="birds-0123456789ab-2", run={"recipe": "tiny"})
    event = StartAgain(again=again).model_dump(mode="json")
    for _ in range(2):
        assert call("receive_drop", event)["execution"] == "birds-0123456789ab-2"
    (execution,) = executions()
    assert execution["name"] == "birds-0123456789ab-2"
    assert Drop.model_validate_json(execution["input"]).run == {"recipe": "tiny"}


def test_a_schedule_trains_again_on_the_newest_believed_upload_as_another_run(call: Call) -> None:
    believed = builders.arrival().model_copy(update={"run": {"recipe": "tiny"}})
    ledger.record_latest(believed, clock.stamp())
    tick = {"retrain": "zoo/birds", "repeat": "2026-11-26"}
    names = {call("receive_drop", tick)["execution"] for _ in range(2)}
    names.add(call("receive_drop", {**tick, "repeat": "2026-11-27"})["execution"])
    inputs = [Drop.model_validate_json(execution["input"]) for execution in executions()]
    assert names == {execution["name"] for execution in executions()}
    assert {str(one.run["repeat"]) for one in inputs} == {"2026-11-26", "2026-11-27"}
    assert {(one.upload.id, str(one.run["recipe"])) for one in inputs} == {(believed.upload.id, "tiny")}


def test_a_schedule_for_a_dataset_that_never_was_says_so(call: Call) -> None:
    with pytest.raises(NotFound) as raised:
        call("receive_drop", {"retrain": "zoo/fish", "repeat": "r1"})
    assert (raised.value.failure.code, executions()) == ("DatasetUnknown", [])
