"""Events that are lost, doubled, late or out of order, seen by the queue behind a rule."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud.aws import LocalAws
from tests.localcloud.aws.conftest import eventually

Emit = Callable[..., None]
Received = Callable[..., list[Any]]


@pytest.fixture(autouse=True)
def _calm_afterwards(aws: LocalAws) -> Iterator[None]:
    yield
    aws.reset_faults()


@pytest.fixture(scope="module")
def url(aws: LocalAws, queue: Callable[..., tuple[str, str]]) -> str:
    """The queue behind a rule for everything from the source `weather`."""
    url, arn = queue("weather")
    events = aws.client("events")
    events.put_rule(Name="weather", EventPattern=json.dumps({"source": ["weather"]}))
    events.put_targets(Rule="weather", Targets=[{"Id": "only", "Arn": arn}])
    return url


@pytest.fixture
def emit(aws: LocalAws, url: str) -> Emit:
    def put(*numbers: int) -> None:
        for number in numbers:
            entry = {"Source": "weather", "DetailType": "Tested", "Detail": json.dumps({"number": number})}
            aws.client("events").put_events(Entries=[entry])

    return put


@pytest.fixture
def received(aws: LocalAws, url: str) -> Received:
    """The numbers in the queue, in the order of their arrival, once nothing is on its way."""

    def take() -> list[Any]:
        eventually(lambda: aws.pending_deliveries() == 0)
        numbers: list[Any] = []
        while found := aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                numbers.append(json.loads(message["Body"])["detail"]["number"])
                aws.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return numbers

    return take


def test_an_event_is_dropped(aws: LocalAws, emit: Emit, received: Received) -> None:
    aws.disturb_events(drop=1)
    emit(1, 2)
    assert received() == []
    aws.calm_events()
    emit(3)
    assert received() == [3]


def test_a_share_is_dropped_and_the_same_seed_drops_the_same(aws: LocalAws, emit: Emit, received: Received) -> None:
    def arrived(seed: int) -> set[int]:
        aws.disturb_events(drop=0.5, seed=seed)
        emit(*range(12))
        return set(received())

    first = arrived(3)
    assert 0 < len(first) < 12
    assert arrived(3) == first
    assert arrived(4) != first


def test_an_event_is_delivered_twice_or_more(aws: LocalAws, emit: Emit, received: Received) -> None:
    aws.disturb_events(duplicate=1)
    emit(*range(6))
    times = Counter(received())
    assert sorted(times) == list(range(6))
    assert set(times.values()) == {2, 3}


def test_only_matching_events_are_disturbed(aws: LocalAws, emit: Emit, received: Received) -> None:
    aws.disturb_events(lambda event: event["detail"]["number"] == 1, drop=1)
    emit(0, 1, 2)
    assert sorted(received()) == [0, 2]


def test_a_delayed_event_is_pending_and_arrives(aws: LocalAws, emit: Emit, received: Received) -> None:
    aws.disturb_events(delay=(0.4, 0.6))
    started = time.monotonic()
    emit(1)
    assert aws.pending_deliveries() == 1
    assert received() == [1]
    assert 0.4 <= time.monotonic() - started < 3


def test_the_next_event_overtakes_one_that_is_held_back(aws: LocalAws, emit: Emit, received: Received) -> None:
    aws.disturb_events(reorder=True)
    emit(1, 2)
    assert received() == [2, 1]


def test_an_asynchronous_invocation_is_pending_until_its_last_retry(
    aws: LocalAws, function: Callable[..., str], queue: Callable[..., tuple[str, str]]
) -> None:
    url, arn = queue("given-up")
    source = "import time\ndef handler(event, context):\n    time.sleep(0.2)\n    raise ValueError('no')\n"
    function("gives-up", source, DeadLetterConfig={"TargetArn": arn})
    aws.client("lambda").invoke(FunctionName="gives-up", InvocationType="Event", Payload=b"{}")
    assert aws.pending_deliveries() == 1
    eventually(lambda: aws.pending_deliveries() == 0, 15)
    assert len(aws.client("sqs").receive_message(QueueUrl=url)["Messages"]) == 1


def test_a_message_for_a_function_is_pending_until_the_function_has_done_it(
    aws: LocalAws, function: Callable[..., str], queue: Callable[..., tuple[str, str]]
) -> None:
    url, arn = queue("work")
    done_url, _ = queue("done")
    source = (
        "import boto3, time\ndef handler(event, context):\n    time.sleep(0.3)\n"
        f"    boto3.client('sqs').send_message(QueueUrl={done_url!r}, MessageBody='done')\n"
    )
    function("works", source)
    aws.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName="works", BatchSize=1)
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="do")
    assert aws.pending_deliveries() > 0
    eventually(lambda: aws.pending_deliveries() == 0)
    assert aws.client("sqs").receive_message(QueueUrl=done_url)["Messages"][0]["Body"] == "done"


def test_the_poller_goes_on_after_more_refusals_than_it_may_have_batches(
    aws: LocalAws, function: Callable[..., str], queue: Callable[..., tuple[str, str]]
) -> None:
    url, arn = queue("stubborn")
    function("stubborn", "def handler(event, context):\n    pass\n")
    aws.fault("sqs", "ReceiveMessage", "InternalFailure", times=20, status=500)
    aws.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName="stubborn", BatchSize=1)
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="do")
    eventually(lambda: aws.pending_deliveries() == 0)
