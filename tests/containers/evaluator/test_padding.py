"""Padding: answers written in a batch are those written alone, because padding lies on the left, where nobody sees it."""

import numpy as np
import pytest
from cpu_trainer import huggingface
from cpu_trainer.generate import continue_greedily
from cpu_trainer.model import Model, logits
from evaluator.byte_tokens import ByteTokens
from evaluator.cases import Case, Message
from evaluator.language_models import Encoded, left_padded
from evaluator.numpy_model import NumpyModel

from tests.containers.evaluator.conftest import Site

PROMPTS = ("Double 7.", "Double 1234567.", "Hi", "Double 21. And say it twice, please, with a full stop.")


def case(prompt: str, answer: str = "14") -> Case:
    return Case((Message("user", prompt),), Message("assistant", answer))


@pytest.fixture(scope="module")
def model(site: Site) -> Model:
    return huggingface.load(site.mount / "lora")


@pytest.fixture(scope="module")
def encoded() -> list[Encoded]:
    return [ByteTokens().encode(case(prompt, f"{len(prompt)}!" * (n + 1))) for n, prompt in enumerate(PROMPTS)]


def test_answers_of_a_batch_are_those_of_each_prompt_alone(model: Model, encoded: list[Encoded]) -> None:
    together = NumpyModel(model, ByteTokens()).answer([one.prompt for one in encoded], 24)
    assert together == [tuple(continue_greedily(model, list(one.prompt), 24)) for one in encoded]
    assert len(set(together)) > 1


def test_padding_on_the_right_would_give_other_answers(model: Model, encoded: list[Encoded]) -> None:
    """The test above could not see the difference if the model did not."""
    prompts = [one.prompt for one in encoded]
    length = max(map(len, prompts))
    right = np.array([[*prompt, *[ByteTokens.pad] * (length - len(prompt))] for prompt in prompts])
    likeliest = logits(model, right)[:, -1].argmax(-1).tolist()
    alone = [continue_greedily(model, list(prompt), 1)[0] for prompt in prompts]
    assert likeliest != alone


def test_padding_that_is_seen_would_give_other_scores(model: Model, encoded: list[Encoded]) -> None:
    rows, padding = left_padded([one.prompt for one in encoded], ByteTokens.pad)
    hidden, seen = (logits(model, np.array(rows), mask)[:, -1] for mask in (np.array(padding), None))
    alone = np.array([logits(model, np.array([one.prompt]))[0, -1] for one in encoded])
    assert np.abs(hidden - alone).max() < 1e-4
    assert np.abs(seen - alone).max() > 1e-2


def test_scores_of_a_batch_are_those_of_each_row_alone(model: Model, encoded: list[Encoded]) -> None:
    whole = NumpyModel(model, ByteTokens())
    together, alone = whole.score(encoded), [whole.score([one])[0] for one in encoded]
    assert [score.loss for score in together] == pytest.approx([score.loss for score in alone], rel=1e-5)
    assert [(s.tokens, s.exact) for s in together] == [(s.tokens, s.exact) for s in alone]


def test_exact_match_is_what_greedy_decoding_gives_back(model: Model, encoded: list[Encoded]) -> None:
    """Known from the scoring pass alone, for right and for wrong answers."""
    whole = NumpyModel(model, ByteTokens())
    said = whole.answer([one.prompt for one in encoded], 40)
    ended = [(one, ids) for one, ids in zip(encoded, said, strict=True) if ids[-1] == ByteTokens.end]
    assert ended
    right = whole.score([Encoded(one.prompt, ids) for one, ids in ended])
    wrong = whole.score([Encoded(one.prompt, (*ids[:-1], ids[-1] - 1)) for one, ids in ended])
    assert [score.exact for score in right] == [True] * len(ended)
    assert [score.exact for score in wrong] == [False] * len(ended)
