"""The Lambda Runtime API of one execution environment. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.

Each environment has a server of its own, because AWS's client takes a host and port and nothing that would tell environments apart.
"""

import queue
import threading
import time
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Report:
    """What became of an invocation: a `response`, an `error` or `init` error document, or an `exit` or `timeout` of the process."""

    kind: str
    payload: bytes


def runtime_api(
    ready: threading.Event,
    invocations: "queue.Queue[tuple[str, bytes, float] | None]",
    reports: "queue.Queue[Report]",
    arn: str,
) -> ThreadingHTTPServer:
    """The HTTP server an execution environment polls. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html."""

    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet per answer; with many, delayed acknowledgements cost 40 ms and more
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            ready.set()
            invocation = invocations.get()
            if invocation is None:
                self.close_connection = True
                return
            request, payload, deadline = invocation
            self.reply(200, payload, _invocation_headers(request, deadline, arn))

        def do_POST(self) -> None:
            payload = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.reply(202, b"{}", {})
            reports.put(Report(_report_kind(self.path), payload))

        def reply(self, status: int, payload: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(payload))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            """Say nothing: requests are not news."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = False  # so that server_close() waits for them
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a killed process hangs up in the middle
    return server


def _report_kind(path: str) -> str:
    if "/init/" in path:
        return "init"
    return "error" if path.endswith("/error") else "response"


def _invocation_headers(request: str, deadline: float, arn: str) -> dict[str, str]:
    trace = f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"
    return {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": request,
        "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
        "Lambda-Runtime-Invoked-Function-Arn": arn,
        "Lambda-Runtime-Trace-Id": trace,
    }
