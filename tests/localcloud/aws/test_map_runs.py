import json
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.aws import LocalAws

DOUBLE = """
def handler(event, context):
    if event["n"] < 0:
        raise ValueError("negative")
    return {"twice": 2 * event["n"], "run": event["run"]}
"""
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def _double(aws: LocalAws, function: Callable[..., str]) -> None:
    function("double", DOUBLE)
    aws.client("s3").create_bucket(Bucket="map-items")


@pytest.fixture
def items(aws: LocalAws) -> Callable[..., dict[str, Any]]:
    """Write a list to S3 and return a machine that doubles it, with more fields for its Map."""

    def write(*numbers: int, **fields: Any) -> dict[str, Any]:
        body = json.dumps([{"n": number} for number in numbers])
        aws.client("s3").put_object(Bucket="map-items", Key="items.json", Body=body)
        return machine_of("items.json", **fields)

    return write


def machine_of(key: str, **fields: Any) -> dict[str, Any]:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "double", "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        "End": True,
    }
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Arguments": {"Bucket": "{% $states.input.bucket %}", "Key": key},
    }
    every = {
        "Type": "Map",
        "ItemReader": reader,
        "ItemSelector": {"n": "{% $states.context.Map.Item.Value.n %}", "run": "{% $run %}"},
        "MaxConcurrency": 2,
        "ItemProcessor": {"ProcessorConfig": config, "StartAt": "Double", "States": {"Double": task}},
        "End": True,
        **fields,
    }
    name = {"Type": "Pass", "Assign": {"run": "r1"}, "Next": "Every"}
    return {"QueryLanguage": "JSONata", "StartAt": "Name", "States": {"Name": name, "Every": every}}


INPUT = {"bucket": "map-items"}


def test_a_distributed_map_reads_its_items_from_s3(run: Run, items: Callable[..., dict[str, Any]]) -> None:
    done = run(items(1, 2, 3), INPUT)
    assert done["output"] == [{"twice": 2, "run": "r1"}, {"twice": 4, "run": "r1"}, {"twice": 6, "run": "r1"}]


def test_a_distributed_map_over_nothing_gives_nothing(run: Run, items: Callable[..., dict[str, Any]]) -> None:
    assert run(items(), INPUT)["output"] == []


def test_one_failed_item_fails_the_map(run: Run, items: Callable[..., dict[str, Any]]) -> None:
    done = run(items(1, -1, 3), INPUT)
    assert (done["status"], done["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")


def test_a_failed_map_can_be_caught(run: Run, items: Callable[..., dict[str, Any]]) -> None:
    catch = {"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Name"}
    machine = items(-1, Catch=[{**catch, "Next": "Caught"}])
    machine["States"]["Caught"] = {"Type": "Pass", "Output": "caught", "End": True}
    assert run(machine, INPUT)["output"] == "caught"


@pytest.mark.parametrize(
    ("tolerance", "status"),
    [
        ({"ToleratedFailureCount": 1}, "FAILED"),
        ({"ToleratedFailureCount": 2}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 49}, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, "SUCCEEDED"),
        ({"ToleratedFailureCount": 3, "ToleratedFailurePercentage": 49}, "FAILED"),
    ],
)
def test_a_map_fails_beyond_what_it_tolerates(
    run: Run, items: Callable[..., dict[str, Any]], tolerance: dict[str, int], status: str
) -> None:
    assert run(items(1, -1, -2, 4, **tolerance), INPUT)["status"] == status


def test_the_map_run_counts_its_items(aws: LocalAws, run: Run, items: Callable[..., dict[str, Any]]) -> None:
    done = run(items(1, -1, 3), INPUT)
    states = aws.client("stepfunctions")
    (listed,) = states.list_map_runs(executionArn=done["executionArn"])["mapRuns"]
    found = states.describe_map_run(mapRunArn=listed["mapRunArn"])
    counts = found["itemCounts"]
    assert (found["status"], counts["succeeded"], counts["failed"], counts["total"]) == ("FAILED", 2, 1, 3)
    assert found["executionCounts"]["running"] == 0


def test_items_that_cannot_be_read_fail_under_their_own_name(run: Run) -> None:
    done = run(machine_of("not-there.json"), INPUT)
    assert (done["status"], done["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert "NoSuchKey" in done["cause"]
