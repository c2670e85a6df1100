"""Deliver an event to a target, as EventBridge, Scheduler and asynchronous Lambda do: retried, then left in a dead-letter queue.

Every delivery is a real API call through the front, so that faults switched on there reach it.
"""

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from localcloud.aws.clock import Clock
from localcloud.aws.disturbance import Disturber
from localcloud.aws.postponed import Postponed

LOG = logging.getLogger(__name__)

MAX_ATTEMPTS = 185  # what EventBridge tries within 24 hours
_RETRIED_CODES = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "ServiceUnavailable")


@dataclass(frozen=True)
class Delivery:
    """One body for one target (`target` in the shape of PutTargets); `attributes` describe it if it ends as a dead letter.

    `event` is what a rule of EventBridge matched; None when no rule is behind the delivery.
    """

    target: Mapping[str, Any]
    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    event: Mapping[str, Any] | None = None

    @property
    def service(self) -> str:
        """The service part of the target's ARN."""
        arn: str = self.target["Arn"]
        return arn.split(":")[2]

    @property
    def attempts(self) -> int:
        """How often it is tried in all."""
        retries = (self.target.get("RetryPolicy") or {}).get("MaximumRetryAttempts", MAX_ATTEMPTS)
        return 1 + min(int(retries), MAX_ATTEMPTS)


class Courier:
    """Delivers in the background; `client` gives boto3 clients of the local cloud, `disturber` spoils what rules send."""

    def __init__(self, client: Callable[[str], Any], clock: Clock, disturber: Disturber) -> None:
        self._client = client
        self._clock = clock
        self._disturber = disturber
        self._postponed = Postponed()
        self._lock = threading.Lock()
        self.accepted = 0
        self._pending: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(32, thread_name_prefix="localcloud-delivery")
        self._senders: dict[str, Callable[[Mapping[str, Any], str], None]] = {
            "lambda": self._to_lambda,
            "states": self._to_states,
            "sqs": self._to_queue,
            "sns": self._to_topic,
            "events": self._to_bus,
            "logs": self._to_log_group,
        }

    def supports(self, arn: str) -> bool:
        """True when there is a way to deliver to `arn`."""
        parts = arn.split(":")
        return len(parts) > 5 and parts[2] in self._senders

    def pending(self, besides: Collection[str] = ()) -> int:
        """How much is on its way to targets (ARNs), `besides` those whose resource is named so."""
        with self._lock:
            return sum(count for arn, count in self._pending.items() if arn.rpartition(":")[2] not in besides)

    def is_busy(self, arn: str) -> bool:
        """Whether anything is on its way to a target, or being worked on by it."""
        with self._lock:
            return self._pending[arn] > 0

    def submit(self, arn: str, work: Callable[..., None], *arguments: Any) -> None:
        """Run `work`, which passes something on to `arn`, in the background; it is pending until it has ended. What it raises is logged."""
        self._submit_after(0, arn, work, *arguments)

    def aside(self, work: Callable[..., None], *arguments: Any) -> None:
        """Run `work`, which nothing waits for, in the background. Refused silently once the cloud stops, like work in a dead cloud."""
        if not self._clock.closed:
            self._pool.submit(self.guard, work, *arguments)

    def _submit_after(self, seconds: float, arn: str, work: Callable[..., None], *arguments: Any) -> None:
        if self._clock.closed:
            return
        with self._lock:
            self.accepted += 1
            self._pending[arn] += 1
        if seconds > 0:
            self._postponed.add(seconds, partial(self.aside, self._settle, arn, work, *arguments))
        else:
            self.aside(self._settle, arn, work, *arguments)

    def _settle(self, arn: str, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        finally:
            with self._lock:
                self._pending[arn] -= 1

    def guard(self, work: Callable[..., None], *arguments: Any) -> None:
        """Run `work` now; what it raises is logged, because nobody is there to catch it."""
        try:
            work(*arguments)
        except Exception:
            if not self._clock.closed:
                LOG.exception("background work of the local cloud failed")

    def send(self, delivery: Delivery) -> None:
        """Deliver in the background, with retries, then to the dead-letter queue; as often and as late as the disturber says."""
        for seconds in self._delays(delivery):
            self._submit_after(seconds, delivery.target["Arn"], self._send, delivery)

    def _delays(self, delivery: Delivery) -> list[float]:
        if delivery.event is None:
            return [0.0]
        return self._disturber.delays(delivery.attributes["RULE_ARN"], delivery.target["Arn"], delivery.event)

    def send_to(self, arn: str, body: str) -> None:
        """Deliver `body` to `arn` in the background, with default retries."""
        self.send(Delivery({"Arn": arn}, body))

    def _send(self, delivery: Delivery) -> None:
        for attempt in range(delivery.attempts):
            try:
                return self.deliver(delivery.target, delivery.body)
            except ClientError as error:
                failure = error
            if not _worth_retrying(failure) or not self._clock.sleep(min(2.0**attempt, 600)):
                break
        return self._bury(delivery, failure)

    def _bury(self, delivery: Delivery, failure: ClientError) -> None:
        LOG.warning("%s refused an event: %s", delivery.target["Arn"], failure)
        queue = (delivery.target.get("DeadLetterConfig") or {}).get("Arn")
        if queue:
            error = failure.response["Error"]
            reasons = {"ERROR_CODE": error["Code"], "ERROR_MESSAGE": error.get("Message") or error["Code"]}
            self.dead_letter(
                queue, delivery.body, {**delivery.attributes, "TARGET_ARN": delivery.target["Arn"], **reasons}
            )

    def dead_letter(self, queue: str, body: str, attributes: Mapping[str, str]) -> None:
        """Put `body` on the queue (an ARN) with text attributes."""
        texts = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        self._client("sqs").send_message(QueueUrl=self._queue_url(queue), MessageBody=body, MessageAttributes=texts)

    def deliver(self, target: Mapping[str, Any], body: str) -> None:
        """Deliver once, now. Raises ClientError when the target refuses."""
        self._senders[target["Arn"].split(":")[2]](target, body)

    def _to_lambda(self, target: Mapping[str, Any], body: str) -> None:
        self._client("lambda").invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=body.encode())

    def _to_states(self, target: Mapping[str, Any], body: str) -> None:
        self._client("stepfunctions").start_execution(stateMachineArn=target["Arn"], input=body)

    def _to_queue(self, target: Mapping[str, Any], body: str) -> None:
        parameters = {**(target.get("SqsParameters") or {})}
        self._client("sqs").send_message(QueueUrl=self._queue_url(target["Arn"]), MessageBody=body, **parameters)

    def _to_topic(self, target: Mapping[str, Any], body: str) -> None:
        self._client("sns").publish(TopicArn=target["Arn"], Message=body)

    def _to_bus(self, target: Mapping[str, Any], body: str) -> None:
        event = json.loads(body)
        entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
        extra = {"Resources": event["resources"], "EventBusName": target["Arn"]}
        self._client("events").put_events(Entries=[{**entry, **extra}])

    def _to_log_group(self, target: Mapping[str, Any], body: str) -> None:
        logs, group = self._client("logs"), target["Arn"].split(":")[6]
        event = {"timestamp": int(self._clock.wall_milliseconds()), "message": body}
        stream = f"events-{event['timestamp']}"
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])

    def _queue_url(self, arn: str) -> str:
        url: str = self._client("sqs").get_queue_url(QueueName=arn.rsplit(":", maxsplit=1)[-1])["QueueUrl"]
        return url

    def close(self) -> None:
        """Wait for deliveries that are under way; the others are forgotten."""
        self._postponed.close()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _worth_retrying(failure: ClientError) -> bool:
    """A target that does not exist, or refuses the request, is not asked again."""
    status = failure.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or any(code in failure.response["Error"]["Code"] for code in _RETRIED_CODES)
