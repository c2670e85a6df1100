"""HTTPS in front of the API: one thread per connection, TLS handshakes included.

The handshake runs in the connection's own thread, because a client that connects and says nothing must not stop the
others. Refusals and pauses that tests ask for happen here, where a real network would fail.
"""

import json
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.utils import format_datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from localcloud.kubernetes import clock, discovery, protobuf, reviews, targets
from localcloud.kubernetes.authentication import NOBODY, Tokens, authenticate, is_own
from localcloud.kubernetes.authorization import Authorizer, attempt_of
from localcloud.kubernetes.errors import StatusError, bad_request
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.refusals import Refusals
from localcloud.kubernetes.request_log import RequestLog
from localcloud.kubernetes.targets import Request, Target
from localcloud.kubernetes.verbs import Answer, Verbs

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Door:
    """What stands behind the connection: who is let in, who may do what, and what is done."""

    tokens: Tokens
    authorizer: Authorizer
    verbs: Verbs

    def answer(self, request: Request, verb: str, target: Target | None, review: tuple[str, str] | None) -> Answer:
        """Carry out a request that its user may make; StatusError 403 otherwise."""
        if review is not None:
            self.authorizer.require(request.user, reviews.attempt_of(review))
            return Answer(201, reviews.answer(review, request, request.user, self.authorizer))
        self.authorizer.require(request.user, attempt_of(verb, target, request))
        return self.verbs.answer(request)


class Server(ThreadingHTTPServer):
    """A listening server; `shut` closes the socket and every open connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, port: int, context: ssl.SSLContext, door: Door, refusals: Refusals, requests: RequestLog
    ) -> None:
        self.context = context
        self.door = door
        self.refusals = refusals
        self.requests = requests
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Connection)
        self._thread = clock.thread(partial(self.serve_forever, 0.05), "kubernetes-api")
        self._thread.start()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept one connection and wrap it without waiting for its handshake."""
        plain, address = super().get_request()
        wrapped = self.context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with self._open_lock:
            self._open.add(wrapped)
        return wrapped, address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, at the cluster's time."""
        serve = partial(self.process_request_thread, request, client_address)
        clock.thread(serve, "kubernetes-connection").start()

    def close_request(self, request: Any) -> None:
        """Forget a finished connection."""
        with self._open_lock:
            self._open.discard(request)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what a connection died of; a client that went away is not worth a traceback."""
        _log.debug("connection from %s ended", client_address, exc_info=True)

    def shut(self) -> None:
        """Stop listening and cut every connection."""
        self.shutdown()
        self.server_close()
        self._thread.join()
        with self._open_lock:
            left = list(self._open)
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Connection(BaseHTTPRequestHandler):
    """One client connection, many requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Send the access log to the logging package."""
        _log.debug(format, *args)

    def _serve(self) -> None:
        self._warnings: list[str] = []
        try:
            self._send(self._answer())
        except StatusError as error:
            self._send(Answer(error.code, error.body()), error.headers)
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True
        except Exception:
            _log.exception("%s %s failed", self.command, self.path)
            broken = StatusError(500, "InternalError", "Internal error occurred: see the log of the local cluster")
            self._send(Answer(500, broken.body()))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def _answer(self) -> Answer:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        is_open = url.path in discovery.OPEN
        headers = {name.title(): value for name, value in self.headers.items()}
        user = NOBODY if is_open else authenticate(headers, self.server.door.tokens)
        query = {key: values[-1] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        content_type = headers.get("Content-Type", "")
        request = Request(self.command, url.path, query, headers, _decoded(raw, content_type), user, self._warnings)
        return self.server.door.verbs.answer(request) if is_open else self._carry_out(request)

    def _carry_out(self, request: Request) -> Answer:
        kinds = self.server.door.verbs.api.kinds
        is_document = request.method == "GET" and discovery.document(request.path, kinds) is not None
        review = reviews.asked(request)
        target = None if is_document or review else targets.parse(request.path, kinds)
        verb = targets.verb(request, target)
        failure = None if is_own(request.headers) else self.server.requests.take(verb, request.path, target)
        if failure and failure.when == "before":
            failure.strike()
        self.server.refusals.check(verb, target.resource.plural if target else "")
        try:
            return self.server.door.answer(request, verb, target, review)
        finally:  # an answer is lost whatever it says
            if failure:
                failure.strike()

    def _send(self, answer: Answer, headers: dict[str, str] | None = None) -> None:
        if isinstance(answer.body, Iterator):
            self._stream(answer.body)
            return
        content, kind = _encoded(answer.body)
        self.send_response_only(answer.code)
        self.send_header("Date", format_datetime(clock.moment(), usegmt=True))
        self._send_warnings()
        for name, value in {**(headers or {}), "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def _send_warnings(self) -> None:
        """Say every warning once, as RFC 7234 writes it: code, agent, text."""
        for text in dict.fromkeys(self._warnings):
            quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
            self.send_header("Warning", f'299 - "{quoted}"')

    def _stream(self, events: Iterator[Object]) -> None:
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self._send_warnings()
        self.end_headers()
        self.wfile.flush()
        for event in events:
            line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


def _decoded(raw: bytes, content_type: str) -> Any:
    if not raw:
        return None
    if "protobuf" in content_type:
        return protobuf.decode(raw)
    if content_type and not any(form in content_type for form in ("json", "yaml")):
        raise protobuf.unsupported()
    try:
        return yaml.safe_load(raw) if "yaml" in content_type and raw[:1] not in b"{[" else json.loads(raw)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"error decoding the body: {error}") from error


def _encoded(body: Object | str | bytes) -> tuple[bytes, str]:
    if isinstance(body, bytes):
        return body, "text/plain"
    if isinstance(body, str):
        return body.encode(), "text/plain"
    return json.dumps(body, separators=(",", ":")).encode(), "application/json"
