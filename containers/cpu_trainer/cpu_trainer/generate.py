"""Answer a prompt with a finished model, always taking the likeliest token.

Every token runs the whole sequence again: no cache of keys and values to get wrong, and the models are tiny.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import huggingface
from .errors import Failure
from .model import Model, logits
from .tokens import EOS, decode, encode_prompt


@dataclass(frozen=True)
class Answer:
    """Token ids of prompt and answer; the answer's include the EOS that ended it, if one did."""

    prompt_ids: list[int]
    ids: list[int]

    @property
    def text(self) -> str:
        """The answer as text."""
        return decode(self.ids)


def answer(folder: Path, prompt: str, limit: int) -> Answer:
    """Load the model in `folder` and answer with at most `limit` tokens."""
    prompt_ids = encode_prompt(prompt)
    if len(prompt_ids) + limit > huggingface.POSITIONS:
        cause = f"{len(prompt_ids)} tokens of prompt and {limit} of answer exceed {huggingface.POSITIONS} positions"
        raise Failure("too-long", cause, "shorten the prompt or lower --tokens")
    return Answer(prompt_ids, continue_greedily(huggingface.load(folder), prompt_ids, limit))


def continue_greedily(model: Model, prompt_ids: list[int], limit: int) -> list[int]:
    """Return up to `limit` further ids, ending with EOS if it comes."""
    ids: list[int] = []
    while len(ids) < limit and EOS not in ids:
        scores = logits(model, np.array([prompt_ids + ids]))
        ids.append(int(scores[0, -1].argmax()))
    return ids
