"""SIGTERM: stops the program at once, or, while training keeps checkpoints, at the end of the step.

A second SIGTERM stops it at once whatever it does: a step may take longer than whoever sent the first one will wait.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from .errors import Stopped


def stop_at_once() -> None:
    """Let SIGTERM raise Stopped wherever the program is."""
    signal.signal(signal.SIGTERM, _stop)


@contextmanager
def stop_between_steps() -> Iterator[Callable[[], bool]]:
    """Inside, SIGTERM is only remembered; what is returned says whether it came."""
    came: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        signal.signal(signal.SIGTERM, _stop)

    before = signal.signal(signal.SIGTERM, remember)
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough: the message is still to be left
    raise Stopped
