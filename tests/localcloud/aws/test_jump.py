"""The clock of functions and schedules jumps; everything else keeps the machine's time."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud.aws import LocalAws
from tests.localcloud.aws.conftest import eventually

HOUR = 3600.0
SOURCE = """
import os, time
from datetime import UTC, datetime
import boto3
def handler(event, context):
    boto3.client("s3").put_object(Bucket="dated", Key="k", Body=b"x")
    return {"pid": os.getpid(), "now": datetime.now(UTC).timestamp(), "time": time.time(), "left": context.get_remaining_time_in_millis()}
"""


@pytest.fixture(autouse=True)
def _back_to_now(aws: LocalAws) -> Iterator[None]:
    yield
    aws.reset_faults()


@pytest.fixture(scope="module")
def ask(aws: LocalAws, function: Callable[..., str], invoke: Callable[..., tuple[Any, str]]) -> Callable[[], Any]:
    """What a function sees; it also writes to S3, whose dates are signed."""
    aws.client("s3").create_bucket(Bucket="dated")
    function("clock", SOURCE)
    return lambda: invoke("clock")[0]


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_the_clock_of_functions_jumps(aws: LocalAws, ask: Callable[[], Any], seconds: float) -> None:
    before = ask()
    aws.jump(seconds)
    after = ask()
    assert after["pid"] != before["pid"]
    assert after["now"] - time.time() == pytest.approx(seconds, abs=5)
    assert after["time"] - time.time() == pytest.approx(seconds, abs=5)
    assert 5_000 < after["left"] <= 10_000


def test_jumps_add_up_and_a_reset_takes_them_back(aws: LocalAws, ask: Callable[[], Any]) -> None:
    aws.jump(HOUR)
    aws.jump(HOUR)
    assert ask()["time"] - time.time() == pytest.approx(2 * HOUR, abs=5)
    aws.reset_faults()
    assert ask()["time"] - time.time() == pytest.approx(0, abs=5)


def test_a_schedule_is_due_after_a_jump(
    aws: LocalAws, queue: Callable[..., tuple[str, str]], messages: Callable[..., list[dict[str, Any]]]
) -> None:
    url, arn = queue("daily")
    events = aws.client("events")
    events.put_rule(Name="daily", ScheduleExpression="rate(1 day)")
    events.put_targets(Rule="daily", Targets=[{"Id": "only", "Arn": arn}])
    assert messages(url, 0.3) == []
    aws.jump(25 * HOUR)
    assert len(messages(url, 3)) == 1


def test_a_schedule_goes_on_after_a_jump_back(
    aws: LocalAws, queue: Callable[..., tuple[str, str]], messages: Callable[..., list[dict[str, Any]]]
) -> None:
    url, arn = queue("every-minute")
    events = aws.client("events")
    events.put_rule(Name="every-minute", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="every-minute", Targets=[{"Id": "only", "Arn": arn}])
    eventually(lambda: messages(url, 3))
    aws.jump(-24 * HOUR)
    assert len(messages(url, 4)) == 1
