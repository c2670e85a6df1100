"""What cancelling, retrying and sweeping lean on: ends that carry their reasons, lists by state, dead letters, schedules that are off."""

import json
from collections.abc import Callable
from typing import Any

from localcloud.aws import LocalAws
from tests.localcloud.aws.conftest import ROLE, eventually

Machine = Callable[..., str]
Queue = Callable[..., tuple[str, str]]
Messages = Callable[..., list[dict[str, Any]]]

WAITING = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 100_000, "End": True}}}
DRAIN = """
import boto3
def handler(event, context):
    sqs = boto3.client("sqs")
    found = sqs.receive_message(QueueUrl=event["queue"], MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    for message in found["Messages"]:
        sqs.delete_message(QueueUrl=event["queue"], ReceiptHandle=message["ReceiptHandle"])
    return [[m["Body"], m["MessageAttributes"]["ERROR_CODE"]["StringValue"]] for m in found["Messages"]]
"""


def start(aws: LocalAws, machine: str, name: str) -> str:
    return str(aws.client("stepfunctions").start_execution(stateMachineArn=machine, name=name)["executionArn"])


def test_a_stopped_execution_tells_its_error_and_cause(
    aws: LocalAws, machine: Machine, queue: Queue, messages: Messages
) -> None:
    url, arn = queue("aborted")
    pattern = {"source": ["aws.states"], "detail": {"status": ["ABORTED"]}}
    aws.client("events").put_rule(Name="aborted", EventPattern=json.dumps(pattern))
    aws.client("events").put_targets(Rule="aborted", Targets=[{"Id": "q", "Arn": arn}])
    execution = start(aws, machine(WAITING), "stopped")
    aws.client("stepfunctions").stop_execution(executionArn=execution, error="Cancelled", cause="by ada")
    detail = json.loads(messages(url)[0]["Body"])["detail"]
    assert (detail["executionArn"], detail["status"]) == (execution, "ABORTED")
    assert (detail["error"], detail["cause"]) == ("Cancelled", "by ada")


def test_stopping_again_changes_nothing(aws: LocalAws, machine: Machine) -> None:
    states, execution = aws.client("stepfunctions"), start(aws, machine(WAITING), "twice")
    first = states.stop_execution(executionArn=execution, error="First")["stopDate"]
    assert states.stop_execution(executionArn=execution, error="Second")["stopDate"] == first
    assert states.describe_execution(executionArn=execution)["error"] == "First"


def test_executions_are_listed_by_status(aws: LocalAws, machine: Machine) -> None:
    states, arn = aws.client("stepfunctions"), machine(WAITING)
    stopped, running = start(aws, arn, "stopped"), start(aws, arn, "running")
    states.stop_execution(executionArn=stopped)

    def listed(status: str) -> list[str]:
        found = states.list_executions(stateMachineArn=arn, statusFilter=status)["executions"]
        return [execution["executionArn"] for execution in found]

    assert (listed("RUNNING"), listed("ABORTED"), listed("FAILED")) == ([running], [stopped], [])


def test_a_function_takes_letters_off_a_dead_letter_queue(
    aws: LocalAws, function: Callable[..., str], invoke: Callable[..., tuple[Any, str]], queue: Queue
) -> None:
    url, _ = queue("dead")
    reason = {"ERROR_CODE": {"DataType": "String", "StringValue": "Throttled"}}
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="lost", MessageAttributes=reason)
    function("drain", DRAIN)
    assert invoke("drain", {"queue": url}) == ([["lost", "Throttled"]], "")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert set(left.values()) == {"0"}


def test_a_disabled_schedule_fires_only_when_it_is_asked_to(aws: LocalAws, queue: Queue, messages: Messages) -> None:
    url, arn = queue("switched-off")
    aws.client("scheduler").create_schedule(
        Name="switched-off",
        State="DISABLED",
        ScheduleExpression="rate(1 minute)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": ROLE, "Input": '{"sweep": true}'},
    )
    assert messages(url, 2.5) == []
    aws.tick("switched-off")
    assert [json.loads(message["Body"]) for message in messages(url)] == [{"sweep": True}]


def test_a_schedule_that_is_switched_off_stops_firing(aws: LocalAws, queue: Queue, messages: Messages) -> None:
    url, arn = queue("switchable")
    settings = {
        "Name": "switchable",
        "ScheduleExpression": "rate(1 minute)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": arn, "RoleArn": ROLE, "Input": "{}"},
    }
    aws.client("scheduler").create_schedule(**settings)
    assert messages(url, 3)
    aws.client("scheduler").update_schedule(**settings, State="DISABLED")
    eventually(lambda: not messages(url, 1.5))
    assert aws.client("scheduler").get_schedule(Name="switchable")["State"] == "DISABLED"
    assert messages(url, 2) == []
