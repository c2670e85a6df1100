"""Sweep: a dead letter goes back to whom it was meant for, or is kept and told; one bad letter stops no other."""

import json
from collections.abc import Callable

import pytest
from dropforge.adapters import aws, marks
from dropforge.domain.letters import TRIES

from tests.builders import upload
from tests.contracts.repository import Document
from tests.functions.conftest import REGION, Call, sqs
from tests.functions.sweeping import RECEIVE_DROP, created, dead_letters, write
from tests.functions.test_receive_drop import executions
from tests.functions.wires import ACCOUNT, Functions

Announced = Callable[[], list[tuple[str, Document]]]


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch, account: None) -> str:
    return dead_letters(monkeypatch)


def waiting(url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs().get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]  # type: ignore[arg-type]
    return sum(map(int, found.values()))


def test_the_event_of_a_rule_goes_back_to_the_function_it_was_meant_for(
    call: Call, others: Functions, queue: str
) -> None:
    write(queue, created(upload()), RECEIVE_DROP)
    assert call("sweep", {})["letters"] == 1
    assert others.events == [("receive_drop", created(upload()))]
    others.deliver()
    assert (len(executions()), waiting(queue)) == (1, 0)


def test_a_failed_invocation_goes_back_as_the_event_it_was(call: Call, others: Functions, queue: str) -> None:
    context = {"functionArn": f"{RECEIVE_DROP}:$LATEST", "condition": "RetriesExhausted"}
    write(queue, {"version": "1.0", "requestContext": context, "requestPayload": created(upload())})
    call("sweep", {})
    assert others.events == [("receive_drop", created(upload()))]


def test_a_notice_goes_back_to_its_topic(call: Call, others: Functions, queue: str) -> None:
    topic = aws.sns().create_topic(Name="notices")["TopicArn"]
    inbox = sqs().create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs().get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.sns().subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    write(queue, {"detail-type": "RunFailed"}, topic)
    assert call("sweep", {})["letters"] == 1
    (message,) = sqs().receive_message(QueueUrl=inbox)["Messages"]
    assert json.loads(json.loads(message["Body"])["Message"]) == {"detail-type": "RunFailed"}


def test_a_letter_that_comes_back_too_often_is_kept_and_told(
    call: Call, others: Functions, queue: str, announced: Announced
) -> None:
    bad = {"detail": {"no": "event of ours"}}
    for _ in range(TRIES):
        write(queue, bad, RECEIVE_DROP)
        assert call("sweep", {})["letters"] == 1
    write(queue, bad, RECEIVE_DROP)
    assert call("sweep", {})["letters"] == 0
    ((kind, detail),) = announced()
    kept = marks.tries_of(detail["did"].split()[3].removeprefix("LETTER#"))
    assert (kind, detail["name"], waiting(queue)) == ("DriftFound", RECEIVE_DROP, 0)
    assert kept is not None
    assert json.loads(kept.letter.payload) == bad


@pytest.mark.parametrize("body", ["not json", '"a text"', "[]", "{}"])
def test_what_cannot_be_handed_back_is_kept_and_told_at_once(
    call: Call, others: Functions, queue: str, announced: Announced, body: str
) -> None:
    write(queue, body)
    assert (call("sweep", {})["letters"], others.events, waiting(queue)) == (0, [], 0)
    assert [kind for kind, _ in announced()] == ["DriftFound"]


def test_the_letter_of_a_tick_is_dropped(call: Call, others: Functions, queue: str, announced: Announced) -> None:
    write(queue, {}, RECEIVE_DROP.replace("receive-drop", "watch-jobs"))
    assert (call("sweep", {})["letters"], others.events, announced(), waiting(queue)) == (0, [], [], 0)


def test_one_letter_that_cannot_be_sent_stops_no_other(call: Call, others: Functions, queue: str) -> None:
    write(queue, {"detail-type": "RunFailed"}, f"arn:aws:sns:{REGION}:{ACCOUNT}:never-made")
    write(queue, created(upload()), RECEIVE_DROP)
    with pytest.raises(ExceptionGroup):
        call("sweep", {})
    assert others.events == [("receive_drop", created(upload()))]
    assert waiting(queue) == 1  # it stays for the next sweep
