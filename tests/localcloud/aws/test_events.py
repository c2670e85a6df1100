import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.aws import LocalAws
from tests.localcloud.aws.conftest import ROLE, eventually

Queue = Callable[..., tuple[str, str]]
Messages = Callable[..., list[dict[str, Any]]]
Function = Callable[..., str]
MISSING = "arn:aws:states:us-east-1:123456789012:stateMachine:missing"
PASS = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}


@pytest.fixture(scope="module")
def rule(aws: LocalAws) -> Callable[..., None]:
    """A rule that sends events of a source to a target."""

    def create(source: str, arn: str, bus: str = "default", **target: Any) -> None:
        events, name = aws.client("events"), source.replace(".", "-")
        events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}), EventBusName=bus)
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "only", "Arn": arn, **target}])

    return create


@pytest.fixture(scope="module")
def emit(aws: LocalAws) -> Callable[..., None]:
    def put(source: str, detail: Any = None, bus: str = "default") -> None:
        entry = {"Source": source, "DetailType": "Tested", "Detail": json.dumps(detail or {}), "EventBusName": bus}
        assert aws.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    return put


@pytest.fixture(scope="module")
def writer(aws: LocalAws, function: Function, queue: Queue) -> tuple[str, str]:
    """A function that forwards its event to a queue: its ARN, and the queue's URL."""
    url, _ = queue("written")
    source = (
        "import boto3, json\ndef handler(event, context):\n"
        f"    boto3.client('sqs').send_message(QueueUrl={url!r}, MessageBody=json.dumps(event))\n"
    )
    return function("writer", source), url


@pytest.fixture(scope="module")
def fails(function: Function) -> str:
    return function("fails", "def handler(event, context):\n    raise ValueError('no')\n")


def body(message: dict[str, Any]) -> Any:
    return json.loads(message["Body"])


def bucket(aws: LocalAws, name: str) -> Any:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    return s3


def uploads_to(aws: LocalAws, name: str, arn: str) -> None:
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [name]}}}
    aws.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    aws.client("events").put_targets(Rule=name, Targets=[{"Id": "only", "Arn": arn}])


def test_an_upload_is_announced_with_an_identity_a_time_and_a_version(
    aws: LocalAws, queue: Queue, messages: Messages
) -> None:
    url, arn = queue("uploads")
    s3 = bucket(aws, "announced")
    uploads_to(aws, "announced", arn)
    version = s3.put_object(Bucket="announced", Key="a b.csv", Body=b"xyz")["VersionId"]
    s3.put_object(Bucket="announced", Key="second", Body=b"x")
    received = [*messages(url, 2)]
    received += messages(url, 2) if len(received) == 1 else []
    events = {body(m)["detail"]["object"]["key"]: body(m) for m in received}
    assert events["a b.csv"]["detail"]["object"]["version-id"] == version
    assert events["a b.csv"]["detail"]["object"]["size"] == 3
    assert events["a b.csv"]["id"] != events["second"]["id"]
    assert time.strptime(events["second"]["time"], "%Y-%m-%dT%H:%M:%SZ")


def test_a_multipart_upload_is_announced_once(aws: LocalAws, queue: Queue, messages: Messages) -> None:
    url, arn = queue("multipart")
    s3 = bucket(aws, "in-parts")
    uploads_to(aws, "in-parts", arn)
    upload = s3.create_multipart_upload(Bucket="in-parts", Key="big")["UploadId"]
    part = s3.upload_part(Bucket="in-parts", Key="big", UploadId=upload, PartNumber=1, Body=b"x" * 10)
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    done = s3.complete_multipart_upload(Bucket="in-parts", Key="big", UploadId=upload, MultipartUpload=parts)
    received = [*messages(url), *messages(url, 0.5)]
    assert [body(m)["detail"]["object"]["version-id"] for m in received] == [done["VersionId"]]


def test_a_copy_is_announced_once(aws: LocalAws, queue: Queue, messages: Messages) -> None:
    url, arn = queue("copies")
    s3 = bucket(aws, "copied")
    s3.put_object(Bucket="copied", Key="from", Body=b"x", Tagging="a=b")
    uploads_to(aws, "copied", arn)
    s3.copy_object(Bucket="copied", Key="to", CopySource={"Bucket": "copied", "Key": "from"})
    received = [*messages(url), *messages(url, 0.5)]
    assert [body(m)["detail"]["reason"] for m in received] == ["CopyObject"]


def test_versions_and_ranges_are_read_through_the_front(aws: LocalAws) -> None:
    s3 = bucket(aws, "versions")
    old = s3.put_object(Bucket="versions", Key="k", Body=b"old-content")["VersionId"]
    s3.put_object(Bucket="versions", Key="k", Body=b"new")
    assert s3.get_object(Bucket="versions", Key="k", VersionId=old)["Body"].read() == b"old-content"
    assert s3.head_object(Bucket="versions", Key="k", VersionId=old)["ContentLength"] == 11
    ranged = s3.get_object(Bucket="versions", Key="k", VersionId=old, Range="bytes=4-6")
    assert (ranged["Body"].read(), ranged["ContentRange"]) == (b"con", "bytes 4-6/11")


def test_a_rule_invokes_a_function(
    rule: Callable[..., None], emit: Callable[..., None], writer: tuple[str, str], messages: Messages
) -> None:
    rule("to.lambda", writer[0])
    emit("to.lambda", {"a": 1})
    assert body(messages(writer[1])[0])["detail"] == {"a": 1}


def test_a_rule_on_a_custom_bus_publishes_to_a_topic(
    aws: LocalAws, rule: Callable[..., None], emit: Callable[..., None], queue: Queue, messages: Messages
) -> None:
    url, arn = queue("notices")
    topic = aws.client("sns").create_topic(Name="notices")["TopicArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    aws.client("events").create_event_bus(Name="custom")
    rule("to.topic", topic, bus="custom")
    emit("to.topic", {"a": 2}, bus="custom")
    assert json.loads(body(messages(url)[0])["Message"])["detail"] == {"a": 2}


INPUTS = [
    ({}, lambda event: event["detail"] == {"name": 'a"b', "n": 1}),
    ({"Input": '{"constant": 1}'}, lambda event: event == {"constant": 1}),
    ({"InputPath": "$.detail"}, lambda event: event == {"name": 'a"b', "n": 1}),
    (
        {
            "InputTransformer": {
                "InputPathsMap": {"name": "$.detail.name", "n": "$.detail.n"},
                "InputTemplate": '{"text": "<name>-<n>", "value": <name>, "n": <n>, "whole": <aws.events.event.json>}',
            }
        },
        lambda event: (
            event["text"] == 'a"b-1'
            and event["value"] == 'a"b'
            and event["n"] == 1
            and event["whole"]["detail"]["n"] == 1
        ),
    ),
]


@pytest.mark.parametrize(("target", "holds"), INPUTS, ids=["event", "Input", "InputPath", "InputTransformer"])
def test_a_machine_starts_with_the_input_that_its_target_asks_for(
    aws: LocalAws,
    rule: Callable[..., None],
    emit: Callable[..., None],
    machine: Callable[..., str],
    wait_for_execution: Callable[[str], str],
    target: dict[str, Any],
    holds: Callable[[Any], bool],
) -> None:
    arn = machine(PASS)
    source = f"input.{'-'.join(target) or 'event'}"
    rule(source, arn, RoleArn=ROLE, **target)
    emit(source, {"name": 'a"b', "n": 1})
    given = aws.client("stepfunctions").describe_execution(executionArn=wait_for_execution(arn))["input"]
    assert holds(json.loads(given))


def test_what_a_target_refuses_ends_as_a_dead_letter_with_reasons(
    rule: Callable[..., None], emit: Callable[..., None], queue: Queue, messages: Messages
) -> None:
    url, arn = queue("rule-dead-letters")
    rule("refused", MISSING, RoleArn=ROLE, DeadLetterConfig={"Arn": arn}, RetryPolicy={"MaximumRetryAttempts": 1})
    emit("refused", {"a": 3})
    letter = messages(url)[0]
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert body(letter)["detail"] == {"a": 3}
    assert attributes["RULE_ARN"].endswith("rule/refused")
    assert attributes["TARGET_ARN"] == MISSING
    assert attributes["ERROR_CODE"] == "StateMachineDoesNotExist"
    assert attributes["ERROR_MESSAGE"]


def test_a_throttled_delivery_is_tried_again(
    aws: LocalAws, rule: Callable[..., None], emit: Callable[..., None], writer: tuple[str, str], messages: Messages
) -> None:
    rule("throttled", writer[0])
    aws.fault("lambda", "Invoke", "TooManyRequestsException", times=2, status=429)
    emit("throttled", {"a": 4})
    assert body(messages(writer[1])[0])["detail"] == {"a": 4}


def test_a_disabled_rule_sends_nothing(
    aws: LocalAws, rule: Callable[..., None], emit: Callable[..., None], queue: Queue, messages: Messages
) -> None:
    url, arn = queue("disabled")
    rule("disabled", arn)
    aws.client("events").disable_rule(Name="disabled")
    emit("disabled")
    assert messages(url, 0.5) == []


def test_a_target_that_cannot_be_served_is_refused(aws: LocalAws, rule: Callable[..., None]) -> None:
    with pytest.raises(ClientError, match="cannot deliver"):
        rule("firehose", "arn:aws:firehose:us-east-1:123456789012:deliverystream/x")


def test_an_asynchronous_failure_is_retried_and_then_recorded(
    aws: LocalAws, fails: str, queue: Queue, messages: Messages
) -> None:
    url, arn = queue("on-failure")
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="fails", MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    aws.client("lambda").invoke(FunctionName="fails", InvocationType="Event", Payload=b'{"z": 1}')
    record = body(messages(url)[0])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["requestPayload"] == {"z": 1}
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_an_asynchronous_failure_without_settings_is_tried_three_times_and_goes_to_the_dead_letter_queue(
    aws: LocalAws, function: Function, queue: Queue, messages: Messages
) -> None:
    url, arn = queue("function-dead-letters")
    function(
        "buried", "def handler(event, context):\n    raise ValueError('no')\n", DeadLetterConfig={"TargetArn": arn}
    )
    aws.client("lambda").invoke(FunctionName="buried", InvocationType="Event", Payload=b'{"z": 2}')
    letter = messages(url, 15)[0]
    assert body(letter) == {"z": 2}
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"
    streams = aws.client("logs").describe_log_streams(logGroupName="/aws/lambda/buried")["logStreams"]
    assert len(streams) == 3


def test_a_topic_invokes_a_function(aws: LocalAws, writer: tuple[str, str], messages: Messages) -> None:
    topic = aws.client("sns").create_topic(Name="functions")["TopicArn"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=writer[0])
    aws.client("sns").publish(TopicArn=topic, Message="hello")
    assert body(messages(writer[1])[0])["Records"][0]["Sns"]["Message"] == "hello"


def test_a_batch_takes_back_only_what_failed_and_the_rest_is_redriven(
    aws: LocalAws, function: Function, queue: Queue, messages: Messages
) -> None:
    dead_url, dead_arn = queue("batch-dead-letters")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, arn = queue("batch", VisibilityTimeout="30", RedrivePolicy=policy)
    source = (
        "def handler(event, context):\n"
        "    return {'batchItemFailures': [{'itemIdentifier': r['messageId']} for r in event['Records'] if r['body'] == 'bad']}\n"
    )
    function("batch", source)
    aws.client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName="batch", BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    entries = [{"Id": text, "MessageBody": text} for text in ("good", "bad", "fine")]
    aws.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    assert [m["Body"] for m in messages(dead_url)] == ["bad"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert set(left.values()) == {"0"}


def test_a_rate_fires_at_the_speed_of_the_cloud(aws: LocalAws, queue: Queue, messages: Messages) -> None:
    url, arn = queue("every-minute")
    events = aws.client("events")
    events.put_rule(Name="every-minute", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="every-minute", Targets=[{"Id": "only", "Arn": arn}])
    assert messages(url, 0.5) == []
    assert body(messages(url, 3)[0])["detail-type"] == "Scheduled Event"
    events.disable_rule(Name="every-minute")


def test_a_tick_is_left_out_while_its_target_works_on_the_one_before(
    aws: LocalAws, function: Function, queue: Queue, messages: Messages
) -> None:
    url, _ = queue("said")
    say = f"boto3.client('sqs').send_message(QueueUrl={url!r}, MessageBody="
    source = (
        f"import boto3, time\ndef handler(event, context):\n    {say}'begin')\n    time.sleep(2.5)\n    {say}'end')\n"
    )
    arn = function("slower-than-its-schedule", source)
    events = aws.client("events")
    events.put_rule(Name="every-second", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="every-second", Targets=[{"Id": "only", "Arn": arn}])
    assert messages(url, 5)[0]["Body"] == "begin"
    time.sleep(4)
    pending = aws.pending_deliveries(), aws.pending_deliveries(besides=("slower-than-its-schedule",))
    events.disable_rule(Name="every-second")
    eventually(lambda: aws.pending_deliveries() == 0)
    assert pending[0] <= 1
    assert pending[1] == 0
    said = [message["Body"] for message in messages(url)]
    assert said == ["end", "begin"] * (len(said) // 2) + ["end"] * (len(said) % 2)


def test_a_schedule_fires_now_when_asked(aws: LocalAws, queue: Queue, messages: Messages) -> None:
    url, arn = queue("nightly")
    target = {"Arn": arn, "RoleArn": ROLE, "Input": '{"sweep": true}'}
    aws.client("scheduler").create_schedule(
        Name="nightly", ScheduleExpression="cron(0 2 * * ? *)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
    )
    aws.tick("nightly")
    assert body(messages(url)[0]) == {"sweep": True}
    with pytest.raises(KeyError, match="yearly"):
        aws.tick("yearly")


def test_a_schedule_whose_target_is_missing_leaves_a_dead_letter(
    aws: LocalAws, queue: Queue, messages: Messages
) -> None:
    url, arn = queue("schedule-dead-letters")
    target = {"Arn": MISSING, "RoleArn": ROLE, "Input": "{}", "DeadLetterConfig": {"Arn": arn}}
    aws.client("scheduler").create_schedule(
        Name="hopeless", ScheduleExpression="rate(5 days)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
    )
    aws.tick("hopeless")
    assert messages(url)[0]["MessageAttributes"]["TARGET_ARN"]["StringValue"] == MISSING


def test_a_schedule_that_cannot_be_read_is_refused(aws: LocalAws, queue: Queue) -> None:
    _, arn = queue("unreadable")
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        aws.client("events").put_rule(Name="monthly", ScheduleExpression="cron(0 0 L * ? *)")
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        aws.client("scheduler").create_schedule(
            Name="often",
            ScheduleExpression="rate(5 minute)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": arn, "RoleArn": ROLE},
        )
