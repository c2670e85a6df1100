"""What training lowers: the loss of the assistant's words, or that of preferring one answer to another (DPO).

Both look only at the places of the rows in a batch, so that the loop and its checkpoints need not know which it is.
DPO is measured against the model as it was before training, asked again for each batch: that costs a third of a step
and no memory, where keeping its answers would cost a pass over all rows before the first step.
Source of the loss: Rafailov et al. 2023, https://arxiv.org/abs/2305.18290, equation 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .batches import collate, digest_of, spread
from .layers import Array, Ids, cross_entropy, log_probability
from .model import Model, Pass, logits, loss_and_gradients
from .pairs import Pair
from .tokens import Example

Gradients = dict[str, Array]
SAMPLE = 32  # rows on which the loss before and after training is measured
MEASURED_AT_ONCE = 8


@dataclass(frozen=True)
class Measured:
    """The mean loss per row and, for preferences, the share of rows whose chosen answer gained more than the other."""

    loss: float
    accuracy: float | None = None


class Objective(Protocol):
    """Rows and what is to be learnt from them."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    @property
    def digest(self) -> str:
        """The hash of the rows in their order, as they are learnt, in hex."""
        ...

    def learn(self, model: Model, places: Sequence[int]) -> tuple[float, Gradients]:
        """Return the mean loss of the rows at some places, and its gradient by every array that learns."""
        ...

    def measure(self, model: Model, most: int) -> Measured:
        """Measure a model on at most `most` rows, evenly spread, always the same."""
        ...


@dataclass(frozen=True)
class Supervised:
    """Learn to say what the assistant says."""

    examples: Sequence[Example]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.examples)

    @property
    def digest(self) -> str:
        """The hash of the rows, in hex."""
        return digest_of(self.examples)

    def learn(self, model: Model, places: Sequence[int]) -> tuple[float, Gradients]:
        """Return the mean loss per token and its gradient."""
        return loss_and_gradients(model, *collate([self.examples[place] for place in places]))

    def measure(self, model: Model, most: int) -> Measured:
        """Return the mean loss per row, in nats per token: a long row weighs no more than a short one."""
        losses = [loss for places in spread(self.rows, most, MEASURED_AT_ONCE) for loss in self._losses(model, places)]
        return Measured(sum(losses) / len(losses))

    def _losses(self, model: Model, places: Sequence[int]) -> list[float]:
        ids, labels = collate([self.examples[place] for place in places])
        with np.errstate(all="ignore"):
            scores = logits(model, ids)
            return [cross_entropy(row[None], label[None])[0] for row, label in zip(scores, labels, strict=True)]


@dataclass(frozen=True)
class Preferred:
    """Learn to prefer the chosen answer more than `reference` does; `beta` is how dear it is to stray from that."""

    pairs: Sequence[Pair]
    reference: Model
    beta: float

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.pairs)

    @property
    def digest(self) -> str:
        """The hash of the rows, in hex."""
        return digest_of(self.pairs)

    def learn(self, model: Model, places: Sequence[int]) -> tuple[float, Gradients]:
        """Return the mean of -log sigmoid(margin) and its gradient."""
        ids, labels = self._collated(places)
        run = Pass(model)
        scores, backward = run.forward(ids)
        said, said_back = log_probability(scores, labels)
        margin = self._margin(said, log_probability(logits(self.reference, ids), labels)[0])
        d_margin = -1 / (1 + np.exp(margin)) / len(places)
        backward(said_back(self.beta * np.concatenate([d_margin, -d_margin])))
        return float(np.logaddexp(0, -margin).mean()), run.gradients

    def measure(self, model: Model, most: int) -> Measured:
        """Return the mean loss, and how often the chosen answer gained more than the rejected one."""
        batches = spread(self.rows, most, MEASURED_AT_ONCE)
        with np.errstate(all="ignore"):
            margins = np.concatenate([self._margins(model, places) for places in batches])
        return Measured(float(np.logaddexp(0, -margins).mean()), float((margins > 0).mean()))

    def _margins(self, model: Model, places: Sequence[int]) -> Array:
        ids, labels = self._collated(places)
        said, expected = (log_probability(logits(each, ids), labels)[0] for each in (model, self.reference))
        return self._margin(said, expected)

    def _collated(self, places: Sequence[int]) -> tuple[Ids, Ids]:
        """Return all chosen answers, then all rejected ones."""
        pairs = [self.pairs[place] for place in places]
        return collate([pair.chosen for pair in pairs] + [pair.rejected for pair in pairs])

    def _margin(self, said: Array, expected: Array) -> Array:
        gain = said - expected
        half = len(gain) // 2
        margin: Array = self.beta * (gain[:half] - gain[half:])
        return margin
