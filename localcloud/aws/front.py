"""The HTTP door of the local cloud: our own operations first, moto for the rest.

moto's models are not atomic across threads, and our leases depend on conditional writes, so calls to the services in `LOCKED` are served
one at a time; nothing inside such a call may wait for another call (triggers are therefore asynchronous).
"""

import io
import json
import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.exceptions import ClientError

from localcloud.aws.callers import signed_by
from localcloud.aws.errors import AwsError
from localcloud.aws.faults import Faults
from localcloud.aws.permissions import Permissions
from localcloud.aws.routes import Call, recognise, service_model
from localcloud.aws.staleness import StaleReads

LOCKED = ("s3", "dynamodb")

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]
Operation = Callable[[dict[str, Any]], dict[str, Any]]
_Method = TypeVar("_Method", bound=Callable[..., Any])


def operation(service: str, name: str) -> Callable[[_Method], _Method]:
    """Mark a method as the implementation of an AWS operation: botocore's input members in, output members out."""

    def mark(method: _Method) -> _Method:
        method.__aws_operation__ = (service, name)  # type: ignore[attr-defined]
        return method

    return mark


class Front:
    """A WSGI application in front of moto's. `kill` ends the process that signs with an access key."""

    def __init__(
        self,
        moto: WsgiApp,
        faults: Faults,
        stale: StaleReads,
        kill: Callable[[str], None],
        permissions: Permissions,
    ) -> None:
        self._moto = moto
        self._faults = faults
        self._stale = stale
        self._kill = kill
        self._permissions = permissions
        self._operations: dict[tuple[str, str], Operation] = {}
        self._locks = {service: threading.RLock() for service in LOCKED}

    def register(self, provider: object) -> None:
        """Serve every method of `provider` that is marked with `operation`."""
        for name in dir(type(provider)):
            key = getattr(getattr(type(provider), name), "__aws_operation__", None)
            if key:
                self._operations[key] = getattr(provider, name)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = _read_body(environ)
        call = recognise(environ, body)
        fault = self._faults.meet(call)
        if fault is None:
            return self._admit(call, environ, body, start_response)
        if fault.after:
            _discard(self._serve(call, environ, body, _ignore))
        if fault.kills:
            self._kill(call.access_key)
        return _error(call, environ, fault.error, start_response)

    def _admit(self, call: Call, environ: Environ, body: bytes, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request that the caller's role allows."""
        content_type, query = environ.get("CONTENT_TYPE", ""), environ.get("QUERY_STRING", "")
        refusal = self._permissions.check(call, content_type, query, body)
        if refusal is not None:
            return _error(call, environ, refusal, start_response)
        return self._serve(call, environ, body, start_response)

    def _serve(self, call: Call, environ: Environ, body: bytes, start_response: StartResponse) -> Iterable[bytes]:
        own = self._operations.get((call.service, call.operation))
        if own:
            return _answer(own, call, environ, body, start_response)
        return self._serve_by_moto(call, environ, body, start_response)

    def _serve_by_moto(
        self, call: Call, environ: Environ, body: bytes, start_response: StartResponse
    ) -> Iterable[bytes]:
        lock = self._locks.get(call.service)
        if lock is None:
            return self._moto(environ, start_response)
        with lock, self._stale.tables(call, body):
            return list(self._moto(environ, start_response))


def _ignore(status: str, headers: list[tuple[str, str]], *_: object) -> None:
    """The start of a response that nobody gets."""


def _discard(response: Iterable[bytes]) -> None:
    """Let a response be made completely, as its effect may come with its last part, and throw it away."""
    for _ in response:
        pass
    close = getattr(response, "close", None)
    if close:
        close()


def _read_body(environ: Environ) -> bytes:
    """Drain the socket before any lock is taken, and leave the body readable for moto."""
    stream = environ["wsgi.input"]
    if environ.get("CONTENT_LENGTH"):
        body: bytes = stream.read(int(environ["CONTENT_LENGTH"]))
    else:
        body = stream.read() if environ.get("wsgi.input_terminated") else b""
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _answer(
    own: Operation, call: Call, environ: Environ, body: bytes, start_response: StartResponse
) -> Iterable[bytes]:
    try:
        with signed_by(call.access_key):
            output = own(_parameters(call, environ, body))
    except AwsError as error:
        return _error(call, environ, error, start_response)
    except ClientError as error:  # an operation that calls another hands its refusal on
        details = error.response["Error"]
        return _error(call, environ, AwsError(details["Code"], details.get("Message", "")), start_response)
    return _send("200 OK", "application/json", json.dumps(output, default=_epoch).encode(), [], start_response)


def _parameters(call: Call, environ: Environ, body: bytes) -> dict[str, Any]:
    """Input members from the JSON body and, for REST services, from the path and the query."""
    parameters: dict[str, Any] = json.loads(body or b"{}")
    query = parse_qs(environ.get("QUERY_STRING", ""))
    shape = service_model(call.service).operation_model(call.operation).input_shape
    for member, member_shape in (shape.members if shape else {}).items():
        name = member_shape.serialization.get("name", member)
        location = member_shape.serialization.get("location")
        if location == "uri":
            parameters[member] = call.path_values[name]
        elif location == "querystring" and name in query:
            parameters[member] = query[name] if member_shape.type_name == "list" else query[name][0]
    return parameters


def _epoch(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _error(call: Call, environ: Environ, error: AwsError, start_response: StartResponse) -> Iterable[bytes]:
    """Render an error the way the request's protocol does, so that the client raises its typed exception."""
    status = f"{error.status} Error"
    if call.service == "s3" or "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        return _send(status, "text/xml", _xml_error(call, error), [], start_response)
    document = {"__type": error.code, "message": error.message, "Message": error.message}
    headers = [("x-amzn-errortype", error.code)]
    return _send(status, "application/json", json.dumps(document).encode(), headers, start_response)


def _xml_error(call: Call, error: AwsError) -> bytes:
    inner = f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
    return (inner if call.service == "s3" else f"<ErrorResponse>{inner}</ErrorResponse>").encode()


def _send(
    status: str, content_type: str, payload: bytes, extra: list[tuple[str, str]], start_response: StartResponse
) -> Iterable[bytes]:
    headers = [("Content-Type", content_type), ("Content-Length", str(len(payload)))]
    start_response(status, [*headers, ("x-amzn-requestid", str(uuid.uuid4())), *extra])
    return [payload]
