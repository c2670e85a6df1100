"""SQS event source mappings: Lambda polls the queue, in batches, and takes back what a handler could not do.

moto pushed single messages inside SendMessage. Messages of a failed batch become visible again after the queue's visibility timeout,
which is a delay AWS imposes and therefore passes at the cloud's speed; the queue's own redrive policy then applies.
"""

import json
import threading
from collections.abc import Callable
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.sqs.models import sqs_backends

from localcloud.aws.clock import Clock
from localcloud.aws.delivery import Courier
from localcloud.aws.seams import Replacements

_POLL_SECONDS = 0.1
_DEFAULT_CONCURRENCY = 5
_SQS_BATCH = 10


def install(replacements: Replacements) -> None:
    """Detach moto's own delivery from SendMessage."""

    def add_message(queue: Any, message: Any) -> None:
        mappings, queue.lambda_event_source_mappings = queue.lambda_event_source_mappings, {}
        try:
            original(queue, message)
        finally:
            queue.lambda_event_source_mappings = mappings

    replacements.replace("moto.awslambda.models:LambdaBackend.send_sqs_batch", lambda *_: True)
    original = replacements.replace("moto.sqs.models:Queue.add_message", add_message)


class Poller:
    """Polls the queue of every enabled mapping; a mapping has as many batches in flight as its ScalingConfig allows."""

    def __init__(self, client: Callable[[str], Any], courier: Courier, clock: Clock) -> None:
        self._client = client
        self._courier = courier
        self._clock = clock
        self._in_flight: dict[str, threading.Semaphore] = {}
        self._thread = threading.Thread(target=self._run, name="localcloud-poller", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def join(self) -> None:
        """Wait until the poller has noticed that its clock is closed."""
        self._thread.join()

    def _run(self) -> None:
        wake = threading.Event()
        while not self._clock.closed:
            for mapping in _queue_mappings():
                self._courier.guard(self._poll, mapping)
            wake.wait(_POLL_SECONDS)

    def _poll(self, mapping: Any) -> None:
        limit = (mapping.scaling_config or {}).get("MaximumConcurrency", _DEFAULT_CONCURRENCY)
        slots = self._in_flight.setdefault(mapping.uuid, threading.Semaphore(int(limit)))
        if not slots.acquire(blocking=False):
            return
        messages: list[dict[str, Any]] = []
        try:
            messages = self._receive(mapping)
        finally:
            if not messages:
                slots.release()
        if messages:
            self._courier.submit(mapping.function_arn, self._work, mapping, messages, slots)

    def _receive(self, mapping: Any) -> list[dict[str, Any]]:
        received = self._client("sqs").receive_message(
            QueueUrl=self._url(mapping),
            MaxNumberOfMessages=min(mapping.batch_size, _SQS_BATCH),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = received.get("Messages", [])
        return messages

    def _url(self, mapping: Any) -> str:
        url: str = self._client("sqs").get_queue_url(QueueName=mapping.event_source_arn.split(":")[-1])["QueueUrl"]
        return url

    def _work(self, mapping: Any, messages: list[dict[str, Any]], slots: threading.Semaphore) -> None:
        try:
            failed = self._invoke(mapping, messages)
            self._settle(mapping, messages, failed)
        finally:
            slots.release()

    def _invoke(self, mapping: Any, messages: list[dict[str, Any]]) -> set[str]:
        """Ids of the messages that were not done."""
        event = {"Records": [_record(mapping, message) for message in messages]}
        answer = self._client("lambda").invoke(FunctionName=mapping.function_arn, Payload=json.dumps(event).encode())
        everything = {message["MessageId"] for message in messages}
        if "FunctionError" in answer:
            return everything
        if "ReportBatchItemFailures" not in (mapping.function_response_types or []):
            return set()
        failures = (json.loads(answer["Payload"].read() or b"null") or {}).get("batchItemFailures") or []
        named = {failure.get("itemIdentifier") for failure in failures}
        return named if named <= everything else everything  # an unknown id fails the whole batch, as in AWS

    def _settle(self, mapping: Any, messages: list[dict[str, Any]], failed: set[str]) -> None:
        sqs, url = self._client("sqs"), self._url(mapping)
        hidden = int(
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"][
                "VisibilityTimeout"
            ]
        )
        for message in messages:
            handle = message["ReceiptHandle"]
            if message["MessageId"] in failed:
                seconds = int(self._clock.scaled(hidden))
                sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=seconds)
            else:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)


def _queue_mappings() -> list[Any]:
    backends = [backend for account in list(lambda_backends.values()) for backend in list(account.values())]
    mappings = [mapping for backend in backends for mapping in list(backend._event_source_mappings.values())]
    return [mapping for mapping in mappings if mapping.enabled and mapping.event_source_arn.split(":")[2] == "sqs"]


def waiting() -> int:
    """Messages, visible or not, that a function has still to work off."""
    arns = {mapping.event_source_arn for mapping in _queue_mappings()}
    backends = [backend for account in list(sqs_backends.values()) for backend in list(account.values())]
    queues = [queue for backend in backends for queue in list(backend.queues.values()) if queue.queue_arn in arns]
    return sum(len(queue._messages) for queue in queues)


def _record(mapping: Any, message: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
    attributes = message.get("MessageAttributes", {}).items()
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {name: {k[0].lower() + k[1:]: v for k, v in value.items()} for name, value in attributes},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping.event_source_arn,
        "awsRegion": mapping.region,
    }
