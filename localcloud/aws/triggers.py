"""Asynchronous Lambda: invocations that return at once, and the services that invoke so.

AWS runs a failed asynchronous invocation again after one and two minutes, then sends a record to the destination or dead-letter queue.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localcloud.aws.clock import Clock
from localcloud.aws.delivery import Courier
from localcloud.aws.seams import Replacements

DEFAULT_RETRIES = 2
_RETRY_SECONDS = (60, 120)
_LAMBDA = "moto.awslambda.models"


def install(replacements: Replacements, courier: Courier, clock: Clock) -> None:
    """Make Event invocations asynchronous, and with them SNS, S3 and stream triggers."""

    def invoke(function: Any, body: str, request_headers: Any, response_headers: Any) -> str | bytes:
        headers = {name.lower(): value for name, value in dict(request_headers or {}).items()}
        if headers.get("x-amz-invocation-type") == "Event":
            courier.submit(function.function_arn, _run, original, function, body, courier, clock)
            return ""
        payload: str | bytes = original(function, body, request_headers, response_headers)
        if "x-amz-function-error" in response_headers:
            response_headers["x-amz-function-error"] = "Unhandled"
        return payload

    original = replacements.replace(f"{_LAMBDA}:LambdaFunction.invoke", invoke)
    _detach(replacements, courier)


def _detach(replacements: Replacements, courier: Courier) -> None:
    """Triggers ran inside the (locked) request that caused them; a handler that called back would wait for itself."""

    def send_sns_message(
        backend: Any, function_name: str, message: str, subject: str | None = None, qualifier: Any = None
    ) -> None:
        function = backend.get_function(function_name, qualifier)
        function.invoke(json.dumps(_sns_event(message, subject)), {"x-amz-invocation-type": "Event"}, {})

    def from_bucket(account_id: str, event_body: Any, fn_arn: str, region_name: str) -> None:
        courier.send_to(fn_arn, json.dumps(event_body))

    def from_stream(backend: Any, *arguments: Any, **options: Any) -> str:
        courier.submit("stream", lambda: original(backend, *arguments, **options))
        return ""

    replacements.replace(f"{_LAMBDA}:LambdaBackend.send_sns_message", send_sns_message)
    replacements.replace("moto.s3.notifications:_invoke_awslambda", from_bucket)
    original = replacements.replace(f"{_LAMBDA}:LambdaBackend.send_dynamodb_items", from_stream)


def _sns_event(message: str, subject: str | None) -> dict[str, Any]:
    notification: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "Subject": subject,
        "Message": message,
        "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "MessageAttributes": {},
    }
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": notification}]}


@dataclass(frozen=True)
class _Run:
    """How an asynchronous invocation ended."""

    function: Any
    body: str
    payload: str
    failed: bool
    attempts: int
    request: str


def _run(invoke: Callable[..., Any], function: Any, body: str, courier: Courier, clock: Clock) -> None:
    settings = function.event_invoke_config[-1].config if function.event_invoke_config else {}
    retries = int(settings.get("MaximumRetryAttempts", DEFAULT_RETRIES))
    run = _attempt(invoke, function, body, 1)
    while run.failed and run.attempts <= retries and clock.sleep(_RETRY_SECONDS[run.attempts - 1]):
        run = _attempt(invoke, function, body, run.attempts + 1)
    if not clock.closed:
        _finish(run, settings.get("DestinationConfig") or {}, courier)


def _attempt(invoke: Callable[..., Any], function: Any, body: str, number: int) -> _Run:
    headers: dict[str, str] = {}
    payload = invoke(function, body, {}, headers)
    text = payload.decode() if isinstance(payload, bytes) else str(payload)
    return _Run(function, body, text, "x-amz-function-error" in headers, number, str(uuid.uuid4()))


def _finish(run: _Run, destinations: dict[str, Any], courier: Courier) -> None:
    destination = destinations.get("OnFailure" if run.failed else "OnSuccess", {}).get("Destination")
    if destination:
        courier.deliver({"Arn": destination}, json.dumps(_destination_body(run, destination)))
    queue = run.function.kept.get("DeadLetterConfig", {}).get("TargetArn")
    if run.failed and queue:
        message = json.loads(run.payload or "{}").get("errorMessage", "")
        courier.dead_letter(
            queue, run.body, {"RequestID": run.request, "ErrorCode": "200", "ErrorMessage": message[:1024] or "-"}
        )


def _destination_body(run: _Run, destination: str) -> dict[str, Any]:
    record = _record(run)
    if destination.split(":")[2] != "events":
        return record
    kind = f"Lambda Function Invocation Result - {'Failure' if run.failed else 'Success'}"
    return {"source": "lambda", "detail-type": kind, "resources": [run.function.function_arn], "detail": record}


def _record(run: _Run) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html."""
    response = {"statusCode": 200, "executedVersion": str(run.function.version)}
    context = {
        "requestId": run.request,
        "functionArn": f"{run.function.function_arn}:{run.function.version}",
        "condition": "RetriesExhausted" if run.failed else "Success",
        "approximateInvokeCount": run.attempts,
    }
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": context,
        "requestPayload": json.loads(run.body or "{}"),
        "responseContext": response | ({"functionError": "Unhandled"} if run.failed else {}),
        "responsePayload": json.loads(run.payload or "null"),
    }
