"""Bad input: a clear error that names the place, no job, no model, nothing half-done."""

import json

import pytest

from localcloud.cloud import PROJECT
from tests.journeys.conftest import Journeys, until

GOOD = b'{"prompt": "Say hello.", "completion": "Hello."}\n'
BAD = {
    "broken-json": (GOOD + b'{"prompt": "x", \n', "BrokenJson", 2),
    "wrong-role": (b'{"messages": [{"role": "robot", "content": "x"}]}\n', "WrongRole", 1),
    "last-turn": (b'{"messages": [{"role": "user", "content": "x"}]}\n', "LastTurnNotAssistant", 1),
    "not-utf8": (GOOD + b'{"prompt": "caf\xe9", "completion": "x"}\n', "NotUtf8", 2),
    "unknown-shape": (b'{"question": "x"}\n', "UnknownShape", 1),
}


@pytest.mark.parametrize("dataset", BAD)
def test_a_bad_row_rejects_the_dataset_and_is_named_with_its_line(journeys: Journeys, dataset: str) -> None:
    body, code, line = BAD[dataset]
    execution = journeys.execution_of(journeys.drop(dataset, body))
    assert journeys.finish(execution)["error"] == "InvalidInput"
    failure = journeys.recorded_failure(execution)["failure"]
    assert failure["code"] == "DatasetRejected"
    assert f"line {line}" in failure["why"]
    key = f"datasets/{PROJECT}/{dataset}/report.json"
    report = json.loads(journeys.cloud.client("s3").get_object(Bucket=journeys.bucket, Key=key)["Body"].read())
    assert [(fault["code"], fault["line"]) for fault in report["files"][0]["faults"]] == [(code, line)]
    assert journeys.jobs(dataset) == []
    assert journeys.packages(dataset) == []


def test_an_empty_file_is_refused(journeys: Journeys) -> None:
    execution = journeys.execution_of(journeys.drop("empty", b""))
    assert journeys.finish(execution)["status"] == "FAILED"
    assert journeys.recorded_failure(execution)["failure"]["code"] == "EmptyFile"
    assert journeys.jobs("empty") == []


@pytest.mark.parametrize(
    ("dataset", "run", "code", "said"),
    [
        ("no-recipe", {"recipe": "cpu-lore"}, "UnknownRecipe", "cpu-lora"),
        ("no-key", {"recipes": "cpu-lora"}, "BadRunRequest", "`recipe`"),
        ("no-parameter", {"parameters": {"step": 3}}, "BadRunRequest", "`parameters.steps`"),
        ("no-instance", {"compute": {"instance_type": "ml.p5.48xlarge"}}, "InstanceTypeNotAllowed", "ml.p5.48xlarge"),
    ],
)
def test_a_run_request_that_cannot_work_is_refused_and_names_the_key(
    journeys: Journeys, dataset: str, run: dict[str, object], code: str, said: str
) -> None:
    execution = journeys.execution_of(journeys.drop_with_request(dataset, GOOD, run))
    assert journeys.finish(execution)["status"] == "FAILED"
    failure = journeys.recorded_failure(execution)["failure"]
    assert failure["code"] == code
    assert said in failure["why"]
    assert journeys.jobs(dataset) == []
    assert journeys.packages(dataset) == []


def test_a_project_nobody_has_onboarded_is_refused(journeys: Journeys) -> None:
    execution = journeys.execution_of(journeys.put("datasets/stranger/d/train.jsonl", GOOD))
    assert journeys.finish(execution)["status"] == "FAILED"
    assert journeys.recorded_failure(execution)["failure"]["code"] == "ProjectNotOnboarded"


def test_an_object_where_no_dataset_can_lie_is_announced_as_rejected(journeys: Journeys) -> None:
    queue = _listen(journeys, "DatasetRejected")
    journeys.put(f"datasets/{PROJECT}/misplaced/data.csv", b"a,b\n")
    event = until(lambda: _next(journeys, queue, "misplaced"), 20)
    assert event["detail"]["failure"]["code"] == "WrongKeyLayout"
    assert "data.csv" in event["detail"]["failure"]["why"]


def _listen(journeys: Journeys, kind: str) -> str:
    """Add a queue behind a rule on our bus, as a user would, and return its URL."""
    sqs, events = journeys.cloud.client("sqs"), journeys.cloud.client("events")
    url: str = sqs.create_queue(QueueName=f"hear-{kind}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = journeys.cloud.outputs["Bus"]
    pattern = json.dumps({"source": ["dropforge"], "detail-type": [kind]})
    events.put_rule(Name=f"hear-{kind}", EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule=f"hear-{kind}", EventBusName=bus, Targets=[{"Id": "q", "Arn": arn}])
    return url


def _next(journeys: Journeys, url: str, marker: str) -> dict[str, dict[str, dict[str, str]]] | None:
    for message in journeys.cloud.client("sqs").receive_message(QueueUrl=url).get("Messages", []):
        if marker in message["Body"]:
            event: dict[str, dict[str, dict[str, str]]] = json.loads(message["Body"])
            return event
    return None
