"""A stand-in for the C extension of awslambdaric, which has wheels for Linux only; the same four functions over http.client."""

import http.client
import os
from collections.abc import Mapping

_PREFIX = "/2018-06-01/runtime"


def initialize_client(user_agent: str) -> None:
    """Nothing to prepare: every call opens its own connection."""


def next() -> tuple[bytes, dict[str, str]]:  # noqa: A001 - the extension's name
    """Wait for an invocation: its payload and the headers that describe it."""
    return _call("GET", "/invocation/next")


def post_invocation_result(invoke_id: str, data: bytes, content_type: str, *_: object) -> None:
    """Answer an invocation."""
    _call("POST", f"/invocation/{invoke_id}/response", data, {"Content-Type": content_type})


def post_error(invoke_id: str, data: bytes, xray_fault: str, *_: object) -> None:
    """Answer an invocation with an error document."""
    _call("POST", f"/invocation/{invoke_id}/error", data, {"Content-Type": "application/json"})


def _call(
    method: str, path: str, body: str | bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        connection.request(method, _PREFIX + path, body, dict(headers or {}))
        response = connection.getresponse()
        payload = response.read()
    finally:
        connection.close()
    if response.status >= 400:
        raise RuntimeError(f"runtime API answered {response.status}")
    return payload, dict(response.getheaders())
