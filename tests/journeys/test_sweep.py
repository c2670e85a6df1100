"""What events miss, the sweep finds: lost uploads, lost starts, lost ends, dead letters, jobs that nobody waits for."""

import json
from typing import Any

import pytest
from dropforge import naming

from localcloud.cloud import TEAM
from tests.journeys.conftest import NAMESPACE, Journeys, until
from tests.journeys.test_cancel_and_retry import LONG, QUICK, nothing_left, rows

pytestmark = pytest.mark.usefixtures("calm")


def lose(journeys: Journeys, source: str, dataset: str) -> None:
    """Lose every event of a source that names a dataset."""
    journeys.cloud.aws.disturb_events(lambda e: e["source"] == source and dataset in json.dumps(e), drop=1.0)


def executions_of(journeys: Journeys, dataset: str) -> list[str]:
    pages = journeys.cloud.client("stepfunctions").list_executions(stateMachineArn=journeys.machine)
    return [e["name"] for e in pages["executions"] if f"-{dataset}-" in e["name"]]


def test_an_upload_whose_event_is_lost_becomes_a_model_all_the_same(journeys: Journeys) -> None:
    lose(journeys, "aws.s3", "unheard")
    execution = journeys.execution_of(journeys.drop_with_request("unheard", rows("unheard"), QUICK), 60)
    assert journeys.finish(execution)["status"] == "SUCCEEDED"
    assert executions_of(journeys, "unheard") == [execution]
    assert len(journeys.packages("unheard")) == 1


def test_a_run_whose_end_nobody_heard_is_ended_and_torn_down(journeys: Journeys) -> None:
    lose(journeys, "aws.states", "unended")
    execution = journeys.execution_of(journeys.drop_with_request("unended", rows("unended"), LONG))
    until(lambda: journeys.jobs("unended"), 60)
    journeys.stop(execution)
    assert journeys.recorded_failure(execution)["failure"]["code"] == "ExecutionAborted"
    nothing_left(journeys, "unended")


def test_an_upload_that_was_rejected_unheard_is_over_after_a_sweep(journeys: Journeys) -> None:
    lose(journeys, "aws.states", "stopped-early")
    journeys.cloud.aws.fault("s3", "GetObject", "SlowDown", times=40, status=503)
    upload = journeys.drop_with_request("stopped-early", rows("stopped-early"), QUICK)
    execution = journeys.execution_of(upload)
    journeys.stop(execution)
    assert journeys.recorded_failure(execution)["arrival"]["status"] == "failed"
    assert [row["execution"] for row in journeys.rows("OPEN").values() if row["execution"] == execution] == []


def test_an_event_that_a_function_could_not_work_on_is_handed_back_to_it(journeys: Journeys) -> None:
    journeys.cloud.aws.fail_request("dropforge-dev-receive-drop", "dynamodb", "TransactWriteItems", times=12)
    upload = journeys.drop_with_request("letter", rows("letter"), QUICK)
    execution = journeys.execution_of(upload, 90)
    assert journeys.finish(execution)["status"] == "SUCCEEDED"
    assert executions_of(journeys, "letter") == [execution]


def test_a_letter_that_cannot_be_worked_on_is_kept_and_told_after_three_tries(journeys: Journeys) -> None:
    heard = listen(journeys, "DriftFound")
    queue = journeys.cloud.outputs["DeadLetters"]
    body = json.dumps({"detail": {"never": "an event of ours"}})
    target = {"StringValue": function_arn(journeys, "receive-drop"), "DataType": "String"}
    sqs = journeys.cloud.client("sqs")
    sqs.send_message(QueueUrl=queue, MessageBody=body, MessageAttributes={"TARGET_ARN": target})
    told = until(lambda: [d for d in heard() if "receive-drop" in d["name"]], 120)
    row = told[0]["did"].split()[3]
    letter = journeys.rows(row)["LETTER"]
    assert (json.loads(letter["letter"]["payload"]), letter["count"]) == (json.loads(body), 4)


def test_a_job_whose_attempt_holds_no_lease_is_deleted(journeys: Journeys) -> None:
    execution = journeys.execution_of(journeys.drop_with_request("stray-owner", rows("stray-owner"), QUICK))
    assert journeys.finish(execution)["status"] == "SUCCEEDED"
    journeys.batch.create_namespaced_job(NAMESPACE, stray("stray-job"))
    until(lambda: "stray-job" not in journeys.jobs("stray"), 60)
    assert journeys.pods("stray-job") == []


def stray(name: str) -> dict[str, Any]:
    """A job as SubmitJob makes them, suspended in the team's queue, of a run that nobody knows."""
    labels = {"dropforge.dev/run": "stray-0123456789ab", "dropforge.dev/attempt": "1"}
    container = {"name": "step", "image": "x", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    return {
        "metadata": {
            "name": name,
            "labels": {
                **labels,
                "app.kubernetes.io/managed-by": "dropforge",
                "dropforge.dev/environment": "dev",
                "kueue.x-k8s.io/queue-name": naming.queue(TEAM),
            },
        },
        "spec": {
            "suspend": True,
            "template": {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }


def function_arn(journeys: Journeys, name: str) -> str:
    found = journeys.cloud.client("lambda").get_function(FunctionName=f"dropforge-dev-{name}")
    return str(found["Configuration"]["FunctionArn"])


def listen(journeys: Journeys, kind: str) -> Any:
    """Hear one kind of our announcements from now on; return a function that gives what was heard so far."""
    sqs, events = journeys.cloud.client("sqs"), journeys.cloud.client("events")
    url = sqs.create_queue(QueueName=f"heard-{kind}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = journeys.cloud.outputs["Bus"]
    events.put_rule(Name=f"heard-{kind}", EventBusName=bus, EventPattern=json.dumps({"detail-type": [kind]}))
    events.put_targets(Rule=f"heard-{kind}", EventBusName=bus, Targets=[{"Id": "heard", "Arn": arn}])
    heard: list[dict[str, Any]] = []

    def read() -> list[dict[str, Any]]:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            heard.append(json.loads(message["Body"])["detail"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return heard

    return read
