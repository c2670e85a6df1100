"""The numbers of a sample, against sums done by hand, and the rows that are taken."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from cpu_trainer import huggingface
from cpu_trainer.batches import collate
from cpu_trainer.errors import Failure
from cpu_trainer.model import loss_and_gradients
from cpu_trainer.rows import supervised
from cpu_trainer.staged import Staged
from evaluator.byte_tokens import ByteTokens
from evaluator.cases import case_of, sample
from evaluator.measure import fitting, likelihood, rounded
from evaluator.numpy_model import NumpyModel

from tests.containers.evaluator.conftest import Site, rows


def staged(folder: Path, content: bytes, name: str = "rows.jsonl") -> Staged:
    (folder / name).write_bytes(content)
    return Staged(folder / name, name)


@pytest.fixture(scope="module")
def model(site: Site) -> NumpyModel:
    return NumpyModel(huggingface.load(site.mount / "lora"), ByteTokens())


def test_the_loss_is_the_one_that_training_minimises(site: Site, model: NumpyModel) -> None:
    said = [json.loads(line) for line in rows(*range(100, 110)).splitlines()]
    ids, labels = collate([supervised(row, 160) for row in said])
    trained, _ = loss_and_gradients(huggingface.load(site.mount / "lora"), ids, labels)
    found = likelihood("candidate", model, [case_of(row) for row in said], 4)
    assert found.loss == pytest.approx(trained, rel=1e-5)
    assert found.perplexity == pytest.approx(math.exp(trained), rel=1e-4)
    assert found.tokens == int((labels != -100).sum())


def test_the_size_of_a_batch_changes_no_number(model: NumpyModel) -> None:
    cases = [case_of(json.loads(line)) for line in rows(*range(0, 90, 7)).splitlines()]
    one, many = (likelihood("candidate", model, cases, size) for size in (1, 5))
    assert one.loss == pytest.approx(many.loss, rel=1e-6)
    assert (one.exact_match, one.tokens) == (many.exact_match, many.tokens)


def test_the_same_rows_are_the_same_sample_whatever_their_order(tmp_path: Path) -> None:
    lines = rows(*range(50)).splitlines(keepends=True)
    one = sample([staged(tmp_path, b"".join(lines))], 10)
    files = [
        staged(tmp_path, gzip.compress(b"".join(lines[25:])), "b.jsonl.gz"),
        staged(tmp_path, b"".join(lines[:25])),
    ]
    other = sample(files, 10)
    assert len(one.cases) == 10
    assert one == other
    assert sample([staged(tmp_path, rows(*range(50, 100)))], 10).sha256 != one.sha256


def test_rows_that_do_not_fit_are_left_out(model: NumpyModel) -> None:
    long = case_of({"prompt": "Double 1.", "completion": "2" * model.positions})
    short = case_of({"prompt": "Double 1.", "completion": "2"})
    assert fitting(model, [long, short], 8) == [short]


@pytest.mark.parametrize(
    ("row", "before", "answer"),
    [
        ({"prompt": "a", "completion": "b", "system": "s"}, ["s", "a"], "b"),
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, ["a"], "b"),
        (
            {
                "chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
                "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}],
            },
            ["a"],
            "b",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                    {"role": "user", "content": "c"},
                    {"role": "assistant", "content": "d"},
                ]
            },
            ["a", "b", "c"],
            "d",
        ),
    ],
)
def test_the_last_answer_of_a_row_is_what_is_wanted(row: dict[str, object], before: list[str], answer: str) -> None:
    case = case_of(row)
    assert ([message.text for message in case.before], case.answer.text) == (before, answer)


@pytest.mark.parametrize(
    "line", [b'{"messages": []}', b'{"prompt": "a"}', b"[]", b"{", b'{"prompt": 1, "completion": "x"}']
)
def test_a_row_that_is_none_is_named_by_its_line(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(Failure, match=r"rows\.jsonl line 2"):
        sample([staged(tmp_path, rows(1) + line + b"\n")], 8)


def test_numbers_keep_six_digits() -> None:
    assert (rounded(1.23456789), rounded(123456789.0)) == (1.23457, 123457000.0)
    assert np.isfinite(rounded(1e-30))
