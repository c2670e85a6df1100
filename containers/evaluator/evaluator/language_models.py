"""What is measured, as the measurements see it: text in, token ids, their likelihood, and a greedy answer.

Two back ends keep this protocol, numpy_model and transformers_model, so that a number means the same whoever made the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .cases import Case

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Encoded:
    """A case as one model reads it. The answer includes the token that ends it."""

    prompt: Ids
    answer: Ids

    @property
    def length(self) -> int:
        """Tokens of both."""
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True)
class Score:
    """How likely an answer is: its loss in nats, summed over its tokens, and whether each token is the likeliest at its place.

    Greedy decoding gives back exactly the answers of which that is so, hence exact match costs no second pass.
    """

    loss: float
    tokens: int
    exact: bool


class Tokens(Protocol):
    """How text becomes ids and ids become text."""

    pad: int
    end: int

    def encode(self, case: Case) -> Encoded:
        """Return the ids of a case."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of an answer's ids, without what ends it."""
        ...


class LanguageModel(Protocol):
    """A loaded model. `positions` is the most tokens that it reads at once."""

    tokens: Tokens
    positions: int

    def score(self, batch: Sequence[Encoded]) -> list[Score]:
        """Score the answers given their prompts."""
        ...

    def answer(self, prompts: Sequence[Ids], limit: int) -> list[Ids]:
        """Continue each prompt with its likeliest tokens, at most `limit`, ending after the first end."""
        ...


def left_padded(rows: Sequence[Ids], pad: int) -> tuple[list[list[int]], list[int]]:
    """Return rows of one length, padded on the left, and how many of each row's first ids are padding.

    What follows a prompt must stand right behind it: padding on the right would lie between the prompt and its answer.
    """
    length = max(len(row) for row in rows)
    return [[pad] * (length - len(row)) + list(row) for row in rows], [length - len(row) for row in rows]


def up_to_end(ids: Sequence[int], end: int) -> Ids:
    """Return ids up to and with the first end."""
    return tuple(ids[: ids.index(end) + 1]) if end in ids else tuple(ids)
