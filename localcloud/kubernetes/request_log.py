"""Every request a cluster was asked, counted by kind, and failures of single ones.

The count makes it possible to spoil each request of a procedure in turn: record it once, then run it again for every line of the record.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from localcloud.kubernetes.refusals import refusal
from localcloud.kubernetes.targets import Target

When = Literal["before", "after"]


@dataclass(frozen=True)
class Seen:
    """One request: the n-th of its verb and resource, from 1. `resource` is a plural, as in `jobs` or `pods/log`, or a document's path."""

    verb: str
    resource: str
    occurrence: int
    path: str


@dataclass(frozen=True)
class Failure:
    """How one request is spoilt."""

    when: When
    status: int | None

    def strike(self) -> None:
        """Raise the StatusError the client is to see, or ConnectionAbortedError, upon which the connection is closed."""
        if self.status is None:
            raise ConnectionAbortedError("closed for a test")
        raise refusal(self.status)


@dataclass
class RequestLog:
    """The requests since the last `record`, and the failures still to come."""

    _seen: list[Seen] = field(default_factory=list)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _failures: dict[tuple[str, str, int], Failure] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self) -> None:
        """Start counting from nothing; failures that were asked for count from here."""
        with self._lock:
            self._seen.clear()
            self._counts.clear()

    def seen(self) -> list[Seen]:
        """Give what was asked, oldest first."""
        with self._lock:
            return list(self._seen)

    def fail(self, verb: str, resource: str, occurrence: int, when: When, status: int | None) -> None:
        """Spoil one request; ValueError when it has passed already, for then it would wait for nothing."""
        with self._lock:
            if occurrence <= self._counts[verb, resource]:
                raise ValueError(f"{verb} {resource} was asked {occurrence} times before: call record() to count anew")
            self._failures[verb, resource, occurrence] = Failure(when, status)

    def accept(self) -> None:
        """Spoil nothing more."""
        with self._lock:
            self._failures.clear()

    def take(self, verb: str, path: str, target: Target | None) -> Failure | None:
        """Count a request, and give the failure it meets, if any."""
        resource = path if target is None else "/".join(filter(None, (target.resource.plural, target.subresource)))
        with self._lock:
            self._counts[verb, resource] += 1
            seen = Seen(verb, resource, self._counts[verb, resource], path)
            self._seen.append(seen)
            return self._failures.pop((verb, resource, seen.occurrence), None)
