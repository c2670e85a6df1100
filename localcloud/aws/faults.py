"""Faults on demand: the next calls of an operation answer with an AWS error, whoever serves the operation.

They are applied where requests come in, so that a client's own retries and error classes are exercised, too.
"""

import threading
from collections import deque

from localcloud.aws.errors import AwsError
from localcloud.aws.routes import Call


class Faults:
    """The switched-on faults, by service and operation; each is used up by the calls it spoils."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], deque[AwsError]] = {}

    def add(self, service: str, operation: str, error: AwsError, times: int) -> None:
        """Let the next `times` calls fail; faults of one operation queue up."""
        with self._lock:
            self._waiting.setdefault((service, operation), deque()).extend([error] * times)

    def take(self, call: Call) -> AwsError | None:
        """The fault this call meets, if any."""
        with self._lock:
            waiting = self._waiting.get((call.service, call.operation))
            return waiting.popleft() if waiting else None
