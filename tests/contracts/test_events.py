"""Events: each one that is announced or received has a sample that reads into its value and back."""

import json
from typing import Any, get_args

import pytest
from dropforge import naming
from dropforge.domain.events import Announcement, ExecutionDetail, ExecutionEnded, PackageChanged
from dropforge.domain.failures import read_cause
from dropforge.domain.inputs import Tick
from dropforge.domain.measures import STATES, RunOver
from dropforge.domain.uploads import Drop, ObjectCreated, locate
from dropforge.domain.values import Received

from tests.contracts.repository import ROOT, Document, functions, resources, snake, text

ANNOUNCED = {snake(value.__name__): value for value in Announcement.__subclasses__()}
RECEIVED: dict[str, type[Received]] = {
    "s3_object_created": ObjectCreated,
    "execution_ended": ExecutionEnded,
    "package_changed": PackageChanged,
    "schedule_tick": Tick,
}
ENVELOPE = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}


def sample(name: str) -> Document:
    parsed: Document = json.loads(text(f"events/{name}.json"))
    return parsed


def test_every_event_has_a_sample_and_every_sample_an_event() -> None:
    assert {path.stem for path in (ROOT / "events").glob("*.json")} == {*ANNOUNCED, *RECEIVED}


@pytest.mark.parametrize("name", [*ANNOUNCED, *RECEIVED])
def test_a_sample_is_a_whole_event_as_the_bus_delivers_it(name: str) -> None:
    assert set(sample(name)) == ENVELOPE


@pytest.mark.parametrize("name", ANNOUNCED)
def test_an_announced_sample_reads_into_its_value_and_back(name: str) -> None:
    event, value = sample(name), ANNOUNCED[name]
    assert value.model_validate(event["detail"]).model_dump(mode="json") == event["detail"]
    assert (event["source"], event["detail-type"]) == (naming.SOURCE, value.__name__)


@pytest.mark.parametrize("name", ANNOUNCED)
def test_every_field_of_an_announcement_says_something_in_its_sample(name: str) -> None:
    assert [key for key, value in sample(name)["detail"].items() if value in (None, "", [], {})] == []


@pytest.mark.parametrize("name", RECEIVED)
def test_a_received_sample_reads_into_its_value_and_what_was_read_is_in_it(name: str) -> None:
    event, value = sample(name), RECEIVED[name]
    assert contains(event, value.model_validate(event).model_dump(mode="json", by_alias=True, exclude_none=True))


def contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    return bool(whole == part)


def test_containing_is_told_from_not_containing() -> None:
    assert contains({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}})
    assert not contains({"a": {"b": 1}}, {"a": {"b": 2}})
    assert not contains({"a": 1}, {"b": 1})


def pattern(function: str) -> Document:
    events = functions()[function]["Events"].values()
    patterns: list[Document] = [e["Properties"]["Pattern"] for e in events if e["Type"] == "EventBridgeRule"]
    (found,) = patterns
    return found


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("ReceiveDrop", "s3_object_created"),
        ("ReportFailure", "execution_ended"),
        ("ReceiveApproval", "package_changed"),
    ],
)
def test_the_rule_of_a_function_lets_its_sample_through(function: str, name: str) -> None:
    event, rule = sample(name), pattern(function)
    assert event["source"] in rule["source"]
    assert event["detail-type"] in rule["detail-type"]


def test_the_sample_of_an_upload_is_one_that_starts_something() -> None:
    key = sample("s3_object_created")["detail"]["object"]["key"]
    assert locate(key) is not None
    assert pattern("ReceiveDrop")["detail"]["object"]["key"] == [{"prefix": "datasets/"}]


def test_the_rule_of_endings_lets_through_what_its_value_reads() -> None:
    assert tuple(pattern("ReportFailure")["detail"]["status"]) == get_args(
        ExecutionDetail.model_fields["status"].annotation
    )


def test_the_sample_of_an_ending_carries_its_input_and_a_cause_of_ours() -> None:
    detail = ExecutionEnded.model_validate(sample("execution_ended")).detail
    drop = Drop.model_validate_json(str(detail.input))
    found = read_cause(str(detail.error), str(detail.cause))
    assert detail.name.split("-")[-2] == drop.upload.id
    assert (found.code, found.error) == ("DatasetRejected", detail.error)


@pytest.mark.parametrize("function", ["MeasureRun", "WriteReport"])
def test_who_hears_of_runs_that_are_over_hears_of_every_end_and_reads_each(function: str) -> None:
    rule = pattern(function)
    assert rule["detail-type"] == list(STATES)
    read = [RunOver.model_validate(sample(snake(kind))) for kind in rule["detail-type"]]
    assert [over.detail.run_id != "" for over in read] == [True] * 3


def test_people_are_told_of_events_that_are_announced() -> None:
    rule = resources("AWS::Events::Rule")["TellPeople"]["EventPattern"]
    assert set(rule["detail-type"]) <= {value.__name__ for value in ANNOUNCED.values()}
    assert rule["source"] == [naming.SOURCE]


def test_every_announcement_says_its_version() -> None:
    assert {get_args(value.model_fields["version"].annotation) for value in ANNOUNCED.values()} == {("1",)}
