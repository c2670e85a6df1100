"""What a client makes of the answers of a function's URL, sent by a real server."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from dropforge import naming
from dropforge.client import Client, deployment
from dropforge.client.addresses import Addresses
from dropforge.client.orders import send
from dropforge.client.refusals import Refused
from dropforge.domain.inputs import Cancelled
from dropforge.errors import NotFound
from moto import mock_aws

SESSION = boto3.Session("key", "secret", region_name="us-east-1")


class Door(HTTPServer):
    """Answers every request the same way."""

    status = 200
    body = b""


class Says(BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Say nothing of it."""


@pytest.fixture
def door() -> Iterator[Door]:
    """A function's URL, and the parameter in which the stack has published it."""
    server = Door(("127.0.0.1", 0), Says)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with mock_aws():
        publish(f"http://127.0.0.1:{server.server_port}/")
        yield server
    server.shutdown()
    server.server_close()


def publish(url: str) -> None:
    for function in ("cancel-run", "describe-run"):
        name = naming.parameter("dev", "functions", function, "url")
        SESSION.client("ssm").put_parameter(Name=name, Value=url, Type="String", Overwrite=True)


def code(door: Door, status: int, body: bytes) -> str:
    door.status, door.body = status, body
    with pytest.raises(Refused) as refused:
        send(Addresses("dev", SESSION), "cancel_run", {"run": "x"}, Cancelled)
    return refused.value.failure.code


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_throttled_or_timed_out_function_is_busy(door: Door, status: int) -> None:
    assert code(door, status, b'{"Message": "Rate exceeded"}') == "AwsBusy"


def test_a_crash_is_no_reason_to_ask_again(door: Door) -> None:
    assert code(door, 502, b"Internal Server Error") == "Unexpected"


def test_what_iam_refuses_says_so(door: Door) -> None:
    assert code(door, 403, b'{"Message": "Forbidden"}') == "BadOrder"


def test_a_functions_own_refusal_is_handed_on_whatever_its_status(door: Door) -> None:
    own = NotFound("RunNotFound", "Nothing is known of `x`.", {}).failure
    assert code(door, 404, own.model_dump_json().encode()) == "RunNotFound"
    assert code(door, 429, own.model_dump_json().encode()) == "RunNotFound"


def test_an_address_is_read_once(door: Door) -> None:
    door.body = Cancelled(execution="e", already_over=True).model_dump_json().encode()
    addresses = Addresses("dev", SESSION)
    send(addresses, "cancel_run", {"run": "x"}, Cancelled)
    publish("http://127.0.0.1:9/")  # nobody is there
    assert send(addresses, "cancel_run", {"run": "x"}, Cancelled).execution == "e"


def test_whoever_follows_a_run_is_told_once_that_the_deployment_is_busy_and_not_left_waiting(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deployment, "SECONDS_OF_BUSY", 0.3)
    door.status, door.body = 429, b'{"Message": "Rate exceeded"}'
    with pytest.raises(Refused) as refused:
        Client("dev", SESSION).wait("birds-1", pace=0.05)
    assert refused.value.failure.code == "AwsBusy"
    (told,) = caplog.messages
    assert "is asked again" in told
    assert "Rate exceeded" in told
