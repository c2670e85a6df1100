"""The numbers: loss and perplexity per answer token, exact match of the greedy answer, and what became of calls of functions."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from cpu_trainer.errors import OURS, Failure

from .calls import RIGHT, judge
from .cases import Case
from .language_models import Encoded, LanguageModel

One = TypeVar("One")
DIGITS = 6  # significant ones that a number keeps: more would be noise of the sums


@dataclass(frozen=True)
class Limits:
    """How much is measured: rows in one pass, and tokens of a written answer."""

    batch: int
    tokens: int


@dataclass(frozen=True)
class Likelihood:
    """How likely the answers of a sample are: mean loss in nats per answer token, and the share that greedy decoding gives back."""

    loss: float
    exact_match: float
    tokens: int

    @property
    def perplexity(self) -> float:
        """What the loss is when it is not in nats."""
        return math.exp(min(self.loss, 700.0))


def fitting(model: LanguageModel, cases: Sequence[Case], more: int) -> list[Case]:
    """Return the cases that a model can read whole, with room for `more` tokens of an answer of its own."""
    return [case for case in cases if _room(model, model.tokens.encode(case), more) >= 0]


def _room(model: LanguageModel, encoded: Encoded, more: int) -> int:
    return model.positions - max(encoded.length, len(encoded.prompt) + more)


def likelihood(role: str, model: LanguageModel, cases: Sequence[Case], batch: int) -> Likelihood:
    """Measure the answers of cases. Fails when the loss is no number: a model that says nothing must not be compared."""
    encoded = [model.tokens.encode(case) for case in cases]
    scores = [score for rows in in_batches(encoded, batch) for score in model.score(rows)]
    tokens = sum(score.tokens for score in scores)
    loss = sum(score.loss for score in scores) / tokens
    if not math.isfinite(loss):
        cause = f"{role}: the loss of its answers is {loss}"
        raise Failure("not-finite", cause, "look for NaN in its weights: lower the learning rate and train again", OURS)
    return Likelihood(loss, sum(score.exact for score in scores) / len(scores), tokens)


def answers(model: LanguageModel, cases: Sequence[Case], limits: Limits) -> list[str]:
    """Return what a model answers, always taking the likeliest token."""
    prompts = [model.tokens.encode(case).prompt for case in cases]
    written = [ids for rows in in_batches(prompts, limits.batch) for ids in model.answer(rows, limits.tokens)]
    return [model.tokens.decode(ids) for ids in written]


def buckets(model: LanguageModel, cases: Sequence[Case], limits: Limits) -> dict[str, int]:
    """Return how many of the cases that call functions fell into which bucket; nothing when none does."""
    calling = [case for case in cases if case.calls]
    said = answers(model, calling, limits)
    return dict(Counter(judge(text, case.calls, case.tools) for text, case in zip(said, calling, strict=True)))


def accuracy(found: dict[str, int]) -> float | None:
    """Return the share of right calls, None where nothing was to be called."""
    return found.get(RIGHT, 0) / sum(found.values()) if found else None


def rounded(number: float) -> float:
    """Return a number as it is reported."""
    return float(f"{number:.{DIGITS}g}")


def in_batches(rows: Sequence[One], size: int) -> list[Sequence[One]]:
    """Return rows in pieces of a size."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
