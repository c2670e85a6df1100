"""The training loop: shuffled batches, a step of AdamW each.

One random generator, seeded once, drives everything random, and all that changes from step to step lies in `Training`:
the same seed, data and machine give the same bytes, also when a run is stopped and goes on from what was written down.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .errors import Failure
from .model import Model
from .objectives import Objective
from .optimiser import AdamW, rate_at


@dataclass(frozen=True)
class Course:
    """How to train: number of steps, rows per step, peak learning rate."""

    steps: int
    batch_size: int
    learning_rate: float


@dataclass(frozen=True)
class Progress:
    """One finished step: its loss in nats before the update, its rate, seconds since the start."""

    step: int
    loss: float
    rate: float
    seconds: float


@dataclass
class Training:
    """All that changes from step to step. `waiting` holds the shuffled rows that are not yet seen."""

    model: Model
    random: np.random.Generator
    optimiser: AdamW = field(init=False)
    waiting: list[int] = field(default_factory=list)
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.optimiser = AdamW(self.model.trainable)


def train(training: Training, objective: Objective, course: Course) -> Iterator[Progress]:
    """Train to the end, yielding after each step."""
    while training.done < course.steps:
        yield advance(training, objective, course)


def advance(training: Training, objective: Objective, course: Course) -> Progress:
    """Take one step in place. Fails when loss or gradient stops being a finite number."""
    step = training.done + 1
    rate = rate_at(step, course.steps, course.learning_rate)
    batch = _batch(training, objective.rows, course.batch_size)
    with np.errstate(all="ignore"):  # what overflows is caught by the check below, with advice
        loss, gradients = objective.learn(training.model, batch)
        norm = training.optimiser.update(gradients, rate)
    if not math.isfinite(loss) or not math.isfinite(norm):
        raise _diverged(step, loss, course.learning_rate)
    training.done = step
    return Progress(step, loss, rate, time.monotonic() - training.began)


def _batch(training: Training, rows: int, size: int) -> list[int]:
    """Return the next rows; every row is seen once before any is seen again."""
    while len(training.waiting) < size:
        training.waiting += training.random.permutation(rows).tolist()
    batch, training.waiting = training.waiting[:size], training.waiting[size:]
    return batch


def _diverged(step: int, loss: float, rate: float) -> Failure:
    cause = f"loss {loss} or its gradient is not a finite number at step {step}, peak learning rate {rate:g}"
    return Failure("diverged", cause, "lower the learning rate, for example to a tenth")
