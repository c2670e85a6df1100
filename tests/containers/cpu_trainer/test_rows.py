"""Reading rows: what is learnt from them, and how an unusable one is named."""

import gzip
import json

import pytest
from cpu_trainer.errors import Failure
from cpu_trainer.rows import read_examples
from cpu_trainer.tokens import ASSISTANT, BOS, EOS, IGNORED, SYSTEM, USER, decode

GOOD = {"prompt": "Hi", "completion": "Ho"}


def test_only_the_assistants_words_and_their_end_are_learnt(write_rows):
    (example,) = read_examples(write_rows(GOOD), 64)
    assert example.ids == (BOS, USER, *b"Hi", EOS, ASSISTANT, *b"Ho", EOS)
    assert example.labels == (*[IGNORED] * 6, *b"Ho", EOS)


def test_messages_and_prompt_with_completion_mean_the_same(write_rows):
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    first, second = read_examples(write_rows({"messages": messages}, GOOD), 64)
    assert first == second


def test_a_system_text_comes_first_and_is_not_learnt(write_rows):
    (example,) = read_examples(write_rows({"system": "Be kind", **GOOD}), 64)
    assert example.ids[: 3 + len("Be kind")] == (BOS, SYSTEM, *b"Be kind", EOS)
    assert example.labels[-3:] == (*b"Ho", EOS)
    assert set(example.labels[:-3]) == {IGNORED}


def test_an_empty_system_text_is_none(write_rows):
    first, second = read_examples(write_rows({"system": "", **GOOD}, GOOD), 64)
    assert first == second


def test_gzipped_rows_are_read(tmp_path):
    path = tmp_path / "train.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(GOOD).encode()))
    assert len(read_examples(path, 64)) == 1


def test_text_that_is_not_ascii_survives(write_rows):
    (example,) = read_examples(write_rows({"prompt": "?", "completion": "Zürich 山"}), 64)
    assert decode([label for label in example.labels if label != IGNORED]) == "Zürich 山"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{\n", "Expecting"),
        ("[1]\n", "expected an object, found list"),
        ({"text": "a"}, "expected 'messages', or 'prompt' and 'completion'"),
        ({"messages": []}, "not a list of at least one message"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "message 1 has role 'robot'"),
        ({"messages": [{"role": "assistant", "content": ""}]}, "'content' is not a text"),
        ({"messages": [{"role": "assistant", "content": 3}]}, "'content' is not a text"),
        ({"messages": [{"role": "user", "content": "a"}]}, "no message of the assistant"),
        ({"prompt": "a", "completion": None}, "'completion' is not a text"),
        ({"prompt": "a", "completion": "\ud800"}, "surrogates not allowed"),
        ({"prompt": "a" * 99, "completion": "b"}, "first 64 tokens"),
        ("[" * 100_000 + "\n", "recursion"),
    ],
)
def test_an_unusable_row_is_named_by_its_line(write_rows, row, said):
    with pytest.raises(Failure, match=r"train\.jsonl line 3") as caught:
        read_examples(write_rows(GOOD, "\n", row), 64)
    assert said in caught.value.cause
    assert (caught.value.code, caught.value.exit_code) == ("bad-row", 1)


def test_a_file_without_rows_is_refused(write_rows):
    with pytest.raises(Failure, match="holds no rows"):
        read_examples(write_rows("\n"), 64)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(Failure, match=r"absent\.jsonl cannot be read"):
        read_examples(tmp_path / "absent.jsonl", 64)


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"{}" * 999)[:-9]], ids=["no gzip", "cut off"])
def test_a_broken_gzip_file_is_refused(tmp_path, content):
    path = tmp_path / "train.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(Failure, match="not a whole gzip file"):
        read_examples(path, 64)
