"""The CPU trainer's models, by its own numpy code."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from cpu_trainer import huggingface
from cpu_trainer.model import Model, logits

from .artefacts import Artefact
from .byte_tokens import ByteTokens
from .language_models import Encoded, Ids, Score, Tokens, left_padded, up_to_end


class NumpyModel:
    """A Llama in numpy."""

    positions = huggingface.POSITIONS

    def __init__(self, model: Model, tokens: Tokens) -> None:
        self.tokens = tokens
        self._model = model

    def score(self, batch: Sequence[Encoded]) -> list[Score]:
        """Score the answers given their prompts, all in one pass."""
        rows, padding = left_padded([(*one.prompt, *one.answer) for one in batch], self.tokens.pad)
        scores = logits(self._model, np.array(rows)[:, :-1], np.array(padding))
        return [_score(scores[place, -len(one.answer) :], one.answer) for place, one in enumerate(batch)]

    def answer(self, prompts: Sequence[Ids], limit: int) -> list[Ids]:
        """Continue the prompts together, one pass for each token, until every answer has ended."""
        rows, padding = left_padded(prompts, self.tokens.pad)
        ids, start = np.array(rows), len(rows[0])
        while ids.shape[1] < start + limit and not (ids[:, start:] == self.tokens.end).any(1).all():
            likeliest = logits(self._model, ids, np.array(padding))[:, -1].argmax(-1)
            ids = np.concatenate([ids, likeliest[:, None]], 1)
        return [up_to_end(row, self.tokens.end) for row in ids[:, start:].tolist()]


def _score(scores: "np.ndarray[tuple[int, ...], np.dtype[np.floating]]", answer: Ids) -> Score:
    """Score one answer by the scores (T, V) of its places. Sums are float64."""
    wide = scores.astype(np.float64)
    peak = wide.max(-1)
    total = peak + np.log(np.exp(wide - peak[:, None]).sum(-1))
    said = wide[np.arange(len(answer)), np.array(answer)]
    return Score(float((total - said).sum()), len(answer), bool((wide.argmax(-1) == np.array(answer)).all()))


def load(artefact: Artefact) -> NumpyModel:
    """Load what was opened. Fails naming the file or tensor that is not as it should be."""
    model = huggingface.load(artefact.folder)
    if artefact.kind == "base":
        model = replace(model, adapter=None)
    return NumpyModel(model, ByteTokens())
