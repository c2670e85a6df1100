"""The training loop: shuffled batches, a step of AdamW each, and the loss on a fixed sample.

The loop is a generator of progress, so that who calls it decides what is printed and kept. One random generator, seeded
once, drives everything random: the same seed, data and machine give the same bytes.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .errors import Failure
from .layers import Ids, cross_entropy
from .model import Model, logits, loss_and_gradients
from .optimiser import AdamW, rate_at
from .tokens import IGNORED, PAD, Example

SAMPLE = 32
SAMPLE_BATCH = 8


@dataclass(frozen=True)
class Course:
    """How to train: number of steps, rows per step, peak learning rate."""

    steps: int
    batch_size: int
    learning_rate: float


@dataclass(frozen=True)
class Progress:
    """One finished step: its loss in nats per token before the update, its rate, seconds since the start."""

    step: int
    loss: float
    rate: float
    seconds: float


def train(model: Model, examples: Sequence[Example], course: Course, random: np.random.Generator) -> Iterator[Progress]:
    """Train in place, yielding after each step. Fails when loss or gradient stops being a finite number."""
    optimiser = AdamW(model.trainable)
    batches = _batches(examples, course.batch_size, random)
    began = time.monotonic()
    for step in range(1, course.steps + 1):
        rate = rate_at(step, course.steps, course.learning_rate)
        with np.errstate(all="ignore"):  # what overflows is caught by the check below, with advice
            loss, gradients = loss_and_gradients(model, *collate(next(batches)))
            norm = optimiser.update(gradients, rate)
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise _diverged(step, loss, course.learning_rate)
        yield Progress(step, loss, rate, time.monotonic() - began)


def sample_loss(model: Model, examples: Sequence[Example]) -> float:
    """Return the mean loss per row over a fixed sample: up to 32 rows, evenly spread over the dataset."""
    chosen = [examples[index] for index in np.linspace(0, len(examples) - 1, min(SAMPLE, len(examples))).astype(int)]
    losses = [_loss(model, chosen[start : start + SAMPLE_BATCH]) for start in range(0, len(chosen), SAMPLE_BATCH)]
    return sum(losses) / len(chosen)


def collate(examples: Sequence[Example]) -> tuple[Ids, Ids]:
    """Pad examples to their longest and return inputs and shifted labels, both (B, T-1)."""
    length = max(len(example.ids) for example in examples)
    ids = np.full((len(examples), length), PAD, np.int64)
    labels = np.full((len(examples), length), IGNORED, np.int64)
    for row, example in enumerate(examples):
        ids[row, : len(example.ids)] = example.ids
        labels[row, : len(example.labels)] = example.labels
    return ids[:, :-1], labels[:, 1:]


def _loss(model: Model, examples: Sequence[Example]) -> float:
    """Return the sum of the losses of each row, so that a long row weighs no more than a short one."""
    ids, labels = collate(examples)
    with np.errstate(all="ignore"):
        scores = logits(model, ids)
        return sum(cross_entropy(row[None], label[None])[0] for row, label in zip(scores, labels, strict=True))


def _batches(examples: Sequence[Example], size: int, random: np.random.Generator) -> Iterator[list[Example]]:
    """Yield batches for ever; every row is seen once before any is seen again."""
    waiting: list[int] = []
    while True:
        while len(waiting) < size:
            waiting += random.permutation(len(examples)).tolist()
        yield [examples[index] for index in waiting[:size]]
        waiting = waiting[size:]


def _diverged(step: int, loss: float, rate: float) -> Failure:
    cause = f"loss {loss} or its gradient is not a finite number at step {step}, peak learning rate {rate:g}"
    return Failure("diverged", cause, "lower the learning rate, for example to a tenth")
