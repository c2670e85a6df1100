"""Faults on demand: which requests are spoiled, and how, whoever serves the operation.

They are applied where requests come in, so that a client's own retries and error classes are exercised, too. One mechanism serves all
switches: each selects among the requests that came in since it was switched on, and the first that selects a request spoils it.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from localcloud.aws.errors import AwsError
from localcloud.aws.routes import Call


@dataclass(frozen=True)
class Request:
    """One request that came in. `function` is empty unless a deployed function made it; `occurrence` counts such requests from 1."""

    function: str
    service: str
    operation: str
    occurrence: int


@dataclass(frozen=True)
class Fault:
    """What a spoiled request meets: an error, before or after its effect; the process that made it may be killed as well."""

    error: AwsError
    after: bool = False
    kills: bool = False


Selects = Callable[[Request], bool]
_Kind = tuple[str, str, str]


@dataclass(frozen=True)
class _Switch:
    selects: Selects
    fault: Fault
    since: Counter[_Kind]


class Faults:
    """The faults that are switched on, and the log of requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tally: Counter[_Kind] = Counter()
        self._switches: dict[object, _Switch] = {}
        self._logged_since: Counter[_Kind] | None = None
        self._log: list[Request] = []

    def add(self, selects: Selects, fault: Fault, key: object = None) -> None:
        """Spoil what `selects` chooses from now on; under a `key` there is one switch at a time."""
        with self._lock:
            self._switches[key or object()] = _Switch(selects, fault, self._tally.copy())

    def remove(self, key: object) -> None:
        """Switch off what was switched on under `key`, if anything was."""
        with self._lock:
            self._switches.pop(key, None)

    def clear(self) -> None:
        """Switch everything off. The log goes on."""
        with self._lock:
            self._switches.clear()

    def meet(self, call: Call) -> Fault | None:
        """Count and log a request that has come in; the fault it meets, if any."""
        kind = (call.function, call.service, call.operation)
        with self._lock:
            self._tally[kind] += 1
            if self._logged_since is not None:
                self._log.append(self._request(kind, self._logged_since))
            spoiling = (s.fault for s in self._switches.values() if s.selects(self._request(kind, s.since)))
            return next(spoiling, None)

    def _request(self, kind: _Kind, since: Counter[_Kind]) -> Request:
        return Request(*kind, self._tally[kind] - since[kind])

    def record(self) -> None:
        """Begin a new log."""
        with self._lock:
            self._logged_since, self._log = self._tally.copy(), []

    def requests(self) -> tuple[Request, ...]:
        """What came in since the log was begun, in that order."""
        with self._lock:
            return tuple(self._log)


def next_of(service: str, operation: str, times: int) -> Selects:
    """The next `times` requests of an operation that no earlier switch spoils, whoever makes them."""
    left = iter(range(times))

    def selects(request: Request) -> bool:
        return (request.service, request.operation) == (service, operation) and next(left, None) is not None

    return selects


def occurrences(first: Request, times: int) -> Selects:
    """`times` requests in a row, beginning with `first`."""

    def selects(request: Request) -> bool:
        same = (request.function, request.service, request.operation) == (
            first.function,
            first.service,
            first.operation,
        )
        return same and first.occurrence <= request.occurrence < first.occurrence + times

    return selects


def share_of(service: str, share: float, seed: int) -> Selects:
    """That share of what functions ask of a service. Which ones depends on their occurrence only, not on how functions interleave."""

    def selects(request: Request) -> bool:
        if not request.function or request.service != service:
            return False
        return random.Random(f"{seed} {request}").random() < share  # noqa: S311 - not a secret

    return selects


_THROTTLING = {
    "cloudformation": ("Throttling", 400),
    "cloudwatch": ("Throttling", 400),
    "dynamodb": ("ThrottlingException", 400),
    "ec2": ("RequestLimitExceeded", 503),
    "iam": ("Throttling", 400),
    "lambda": ("TooManyRequestsException", 429),
    "s3": ("SlowDown", 503),
    "sns": ("Throttling", 400),
    "sqs": ("RequestThrottled", 403),
    "sts": ("Throttling", 400),
}


def throttling_error(service: str) -> AwsError:
    """The error a service answers with when it is asked too often."""
    code, status = _THROTTLING.get(service, ("ThrottlingException", 400))
    return AwsError(code, "Rate exceeded", status)
