"""A sweep, later than anything may be late, and the queue that it drains."""

import json

import pytest
from dropforge.adapters import clock
from dropforge.domain.uploads import Upload
from time_machine import travel

from tests.contracts.repository import Document
from tests.functions.conftest import REGION, Call, sqs
from tests.functions.wires import ACCOUNT

NOTHING = {"letters": 0, "uploads": 0, "starts": 0, "runs": 0, "jobs": 0, "approvals": 0}
RECEIVE_DROP = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:dropforge-test-receive-drop"
LATER = 0.2  # hours: longer than anything may be late


def dead_letters(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the queue of dead letters and return its URL."""
    url = sqs().create_queue(QueueName="dead-letters")["QueueUrl"]
    monkeypatch.setenv("DEAD_LETTERS", url)
    return url


def sweep(call: Call, hours: float = LATER) -> Document:
    with travel(clock.later(hours)):
        return call("sweep", {})


def sweep_cluster(call: Call, hours: float = LATER) -> Document:
    """What the sweep hands out: one cluster's share of it."""
    with travel(clock.later(hours)):
        return call("sweep", {"cluster": "research"})


def write(url: str, body: object, target: str | None = None) -> None:
    attributes = {"TARGET_ARN": {"StringValue": target, "DataType": "String"}} if target else {}
    text = body if isinstance(body, str) else json.dumps(body)
    sqs().send_message(QueueUrl=url, MessageBody=text, MessageAttributes=attributes)  # type: ignore[arg-type]


def created(which: Upload) -> Document:
    return {"detail": {"bucket": {"name": which.bucket}, "object": {"key": which.key, "version-id": which.version_id}}}
