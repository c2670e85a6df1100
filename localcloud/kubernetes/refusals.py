"""Failures on demand: the next matching requests are refused, as an overloaded API server would."""

import threading
from dataclasses import dataclass, field

from localcloud.kubernetes.errors import StatusError

_REASONS = {
    401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 429: "TooManyRequests",
    500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip


@dataclass
class _Refusal:
    times: int
    status: int
    retry_after: int | None
    verb: str | None
    resource: str | None

    def matches(self, verb: str, resource: str) -> bool:
        return self.times > 0 and self.verb in (None, verb) and self.resource in (None, resource)


@dataclass
class Refusals:
    """What is still to be refused."""

    _waiting: list[_Refusal] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, times: int, status: int, retry_after: int | None, verb: str | None, resource: str | None) -> None:
        """Refuse the next `times` requests that match."""
        with self._lock:
            self._waiting.append(_Refusal(times, status, retry_after, verb, resource))

    def clear(self) -> None:
        """Refuse nothing more."""
        with self._lock:
            self._waiting.clear()

    def check(self, verb: str, resource: str) -> None:
        """Let a request pass, or raise the StatusError it was to get."""
        with self._lock:
            found = next((r for r in self._waiting if r.matches(verb, resource)), None)
            if found is None:
                return
            found.times -= 1
        raise refusal(found.status, found.retry_after)


def refusal(status: int, retry_after: int | None = None) -> StatusError:
    """Give the error of a request that fails because a test wants it to."""
    details = {"retryAfterSeconds": retry_after} if retry_after is not None else {}
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    reason = _REASONS.get(status, "Unknown")
    return StatusError(status, reason, "the server is refusing requests for a test", details, headers)
