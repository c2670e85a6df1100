"""What time it is in a cluster. Clusters live side by side and the clock of each may be ahead of ours, or behind, and jump; a sleep stays as long.

Every thread belongs to one cluster and knows its clock from the context that it was started in, so whatever writes a time need not be handed one.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime, timedelta

Ahead = Callable[[], float]  # seconds


def on_time() -> float:
    """Be neither ahead nor behind."""
    return 0.0


_ahead: ContextVar[Ahead] = ContextVar("ahead", default=on_time)


@contextmanager
def following(ahead: Ahead) -> Iterator[None]:
    """Let what is done here happen at a cluster's time."""
    before = _ahead.set(ahead)
    try:
        yield
    finally:
        _ahead.reset(before)


def thread(target: Callable[[], object], name: str) -> threading.Thread:
    """Give a thread that follows the clock of whoever makes it; it does not keep the process alive."""
    return threading.Thread(target=copy_context().run, args=(target,), name=name, daemon=True)


def moment() -> datetime:
    """Give the time, in UTC."""
    return datetime.now(UTC) + timedelta(seconds=_ahead.get()())


def nanoseconds() -> int:
    """Give the time in nanoseconds since the epoch."""
    return time.time_ns() + int(_ahead.get()() * 1e9)
