"""What a benchmark gives: figures, each with the bound that it must keep."""

import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured number. `most` is what it may be at most; a figure without a bound is only for people to read."""

    what: str
    value: float
    unit: str
    most: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the bound is kept."""
        return self.most is None or self.value <= self.most


def cpu_seconds(run: Callable[[], object]) -> float:
    """Return the CPU time, user and system, that this process spends on `run`."""
    began = time.process_time()
    run()
    return time.process_time() - began


def compare(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Return the median CPU seconds of two ways to do one thing, and the median of their ratios; they take turns."""
    taken = [(cpu_seconds(ours), cpu_seconds(theirs)) for _ in range(rounds)]
    return median(a for a, _ in taken), median(b for _, b in taken), median(a / b for a, b in taken)
