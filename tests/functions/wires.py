"""The other ends of wires that moto does not answer as we need: functions that ask each other, services that refuse, a cluster.

Answers are given where botocore would send the request, so serialisation, retries and errors of the clients are what runs.
"""

import base64
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from dropforge.adapters import aws
from urllib3 import HTTPResponse

from localcloud.aws.errors import AwsError
from localcloud.kubernetes import LocalCluster
from tests.contracts.repository import Document

ACCOUNT = "123456789012"  # the one that moto gives
Answer = Callable[[AWSPreparedRequest], AWSResponse | None]
_ANSWERS: dict[tuple[int, str], list[Answer]] = {}  # the newest first


def body_of(request: AWSPreparedRequest) -> Document:
    """What a request asks for."""
    parsed: Document = json.loads(cast("str | bytes", request.body))
    return parsed


def reply(
    request: AWSPreparedRequest, document: Document, status: int = 200, headers: dict[str, str] | None = None
) -> AWSResponse:
    """An HTTP answer with a JSON body."""
    body = io.BytesIO(json.dumps(document).encode())
    raw = HTTPResponse(body=body, status=status, headers=headers or {}, preload_content=False)
    return AWSResponse(request.url, status, raw.headers, raw)  # type: ignore[arg-type]


@contextmanager
def answering(client: Any, operation: str, answer: Answer) -> Iterator[None]:
    """Let `answer` answer an operation of a client; where it gives None, whoever answered before does, and at last moto."""
    name = f"before-send.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    waiting = _ANSWERS.setdefault((id(client), name), [])

    def handler(request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        found = next((said for one in list(waiting) if (said := one(request)) is not None), None)
        if found is not None:
            request.url = "https://answered.invalid/"  # moto is asked as well: it must not know the request
        return found

    waiting.insert(0, answer)
    if len(waiting) == 1:
        client.meta.events.register_first(name, handler, unique_id=name)
    try:
        yield
    finally:
        waiting.remove(answer)
        if not waiting:
            client.meta.events.unregister(name, unique_id=name)


@contextmanager
def served(client: Any, *fakes: object) -> Iterator[None]:
    """Operations of a client answered by fakes of the local cloud, where moto has none or loses what it is told."""
    with ExitStack() as stack:
        for fake in fakes:
            for name in dir(type(fake)):
                key = getattr(getattr(type(fake), name), "__aws_operation__", None)
                if key:
                    stack.enter_context(answering(client, key[1], _by(getattr(fake, name))))
        yield


def _by(operation: Callable[[Document], Document]) -> Answer:
    def answer(request: AWSPreparedRequest) -> AWSResponse:
        try:
            said = operation(body_of(request))
        except AwsError as error:
            refusal = {"__type": error.code, "message": error.message}
            return reply(request, refusal, error.status, {"x-amzn-ErrorType": error.code})
        return reply(request, json.loads(json.dumps(said, default=lambda moment: moment.timestamp())))

    return answer


class Died(Exception):
    """Stands for a process that was killed."""


@contextmanager
def dying(clients: Iterable[Any], at: int, when: str) -> Iterator[Counter[str]]:
    """Die at the n-th request that is made with these clients, before its effect or after; gives the count of requests."""
    seen: Counter[str] = Counter()

    def die(**_: object) -> None:
        seen["requests"] += 1
        if seen["requests"] == at:
            raise Died(f"at request {at}, {when} its effect")

    event = "before-call" if when == "before" else "after-call"
    held = list(clients)
    for client in held:
        client.meta.events.register(event, die, unique_id="dying")
    try:
        yield seen
    finally:
        for client in held:
            client.meta.events.unregister(event, unique_id="dying")


@contextmanager
def refusing(client: Any, operation: str, code: str, times: int, status: int = 400) -> Iterator[Counter[str]]:
    """Refuse the first `times` requests of an operation, whoever retries them; gives the counts of refused and passed ones."""
    seen: Counter[str] = Counter()

    def answer(request: AWSPreparedRequest) -> AWSResponse | None:
        if seen["refused"] >= times:
            seen["passed"] += 1
            return None
        seen["refused"] += 1
        return reply(request, {"__type": code, "message": "not now"}, status, {"x-amzn-ErrorType": code})

    with answering(client, operation, answer):
        yield seen


@dataclass
class Functions:
    """Lambda: an invocation that waits for its answer runs at once, an event waits until it is delivered."""

    call: Callable[[str, Document], Document]
    events: list[tuple[str, Document]] = field(default_factory=list)

    def answer(self, request: AWSPreparedRequest) -> AWSResponse:
        function = request.url.split("/functions/")[1].split("/")[0].split("%3A")[-1]
        payload = body_of(request)
        name = function.removeprefix("dropforge-test-").replace("-", "_")
        if request.headers.get("X-Amz-Invocation-Type") in ("Event", b"Event"):
            self.events.append((name, payload))
            return reply(request, {}, 202)
        try:
            return reply(request, self.call(name, payload))
        except Exception as error:  # noqa: BLE001  as Lambda does
            said = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return reply(request, said, headers={"X-Amz-Function-Error": "Unhandled"})

    def deliver(self) -> list[Document]:
        """Deliver every event that waits and return what the functions answered."""
        waiting, self.events = self.events, []
        return [self.call(name, payload) for name, payload in waiting]


@contextmanager
def functions(call: Callable[[str, Document], Document]) -> Iterator[Functions]:
    """Functions that can ask each other."""
    found = Functions(call)
    with answering(aws.functions(), "Invoke", found.answer):
        yield found


@contextmanager
def reachable(cluster: LocalCluster, entries: Mapping[str, Document]) -> Iterator[None]:
    """EKS as it describes a cluster of ours and its access entries."""
    described = {
        "name": cluster.name,
        "endpoint": cluster.endpoint,
        "certificateAuthority": {"data": base64.b64encode(cluster.ca_pem.encode()).decode()},
    }

    def entry(request: AWSPreparedRequest) -> AWSResponse:
        role = unquote(request.url.rpartition("/access-entries/")[2])
        if role in entries:
            return reply(request, {"accessEntry": entries[role]})
        return reply(request, {"message": "none"}, 404, {"x-amzn-ErrorType": "ResourceNotFoundException"})

    with (
        answering(aws.eks(), "DescribeCluster", lambda request: reply(request, {"cluster": described})),
        answering(aws.eks(), "DescribeAccessEntry", entry),
    ):
        yield
