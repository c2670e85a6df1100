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


class RuntimeApi(ThreadingHTTPServer):
    """Serves invocations to one environment and collects its reports; `ready` is set when it asks for the first time."""

    daemon_threads = False  # so that server_close() waits for them

    def __init__(self, arn: str) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.arn = arn
        self.ready = threading.Event()
        self.invocations: queue.Queue[tuple[str, bytes, float] | None] = queue.Queue()
        self.reports: queue.Queue[Report] = queue.Queue()

    def handle_error(self, *_: object) -> None:
        """Nothing: a killed process hangs up in the middle."""


class _Exchange(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer; with many, delayed acknowledgements cost 40 ms and more
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """The environment waits for its next invocation; None means that there will be none."""
        self.server.ready.set()
        invocation = self.server.invocations.get()
        if invocation is None:
            self.close_connection = True
            return
        request, payload, deadline = invocation
        self._reply(200, payload, _invocation_headers(request, deadline, self.server.arn))

    def do_POST(self) -> None:
        """The environment reports."""
        payload = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._reply(202, b"{}", {})
        self.server.reports.put(Report(_report_kind(self.path), payload))

    def _reply(self, status: int, payload: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(payload))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        """Say nothing: requests are not news."""


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
