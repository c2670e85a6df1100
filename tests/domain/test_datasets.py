"""Datasets: what files are for, how much of them is too much, and what makes two of them the same."""

import pytest
from dropforge.domain.datasets import MAX_BYTES, MAX_FILES, File, check_files, content_digest, role_of
from dropforge.errors import InvalidInput

from tests.builders import dataset, file

RANGE = 100


def test_the_same_files_are_the_same_version_whatever_their_order() -> None:
    a, b = file("a.jsonl", "a"), file("b.jsonl", "b")
    assert dataset(a, b).digest == dataset(b, a).digest


@pytest.mark.parametrize(
    "update",
    [{"path": "b.jsonl"}, {"role": "validation"}, {"sha256": "0" * 64}, {"ranges_sha256": "0" * 64}, {"bytes": 5}],
)
def test_files_that_differ_in_anything_that_training_sees_are_another_version(update: dict[str, object]) -> None:
    assert content_digest([file().model_copy(update=update)]) != content_digest([file()])


@pytest.mark.parametrize("update", [{"key": "elsewhere"}, {"version_id": "v2"}, {"rows": 7}])
def test_where_files_lie_is_not_part_of_the_version(update: dict[str, object]) -> None:
    assert content_digest([file().model_copy(update=update)]) == content_digest([file()])


def test_a_claim_about_a_file_that_was_read_in_ranges_is_not_part_of_the_version() -> None:
    read = file().model_copy(update={"ranges_sha256": "1" * 64})
    assert content_digest([read]) == content_digest([read.model_copy(update={"sha256": None})])


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("train.jsonl", "train"),
        ("train-00000-of-00010.jsonl", "train"),
        ("Training.jsonl.gz", "train"),
        ("train/part-0.jsonl", "train"),
        ("validation/train/part-0.jsonl", "train"),
        ("validation.jsonl", "validation"),
        ("valid_1.jsonl", "validation"),
        ("val.jsonl", "validation"),
        ("eval-2.jsonl", "validation"),
        ("evaluation.jsonl", "validation"),
        ("train/test.jsonl", "validation"),
        ("test/0.jsonl", "validation"),
    ],
)
def test_a_file_is_for_what_its_name_or_its_nearest_folder_says(path: str, role: str) -> None:
    assert role_of(path) == role


@pytest.mark.parametrize(
    "path", ["rows.jsonl", "valuable.jsonl", "testimony/a.jsonl", "my-train.jsonl", "retrain.jsonl"]
)
def test_a_file_whose_name_says_nothing_is_for_nothing(path: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        role_of(path)
    assert raised.value.failure.code == "RoleUnknown"


def code(*files: File) -> str:
    with pytest.raises(InvalidInput) as raised:
        check_files(files, RANGE)
    return raised.value.failure.code


def test_up_to_a_terabyte_can_be_checked() -> None:
    check_files([file(size=MAX_BYTES)], RANGE)
    assert code(file(size=MAX_BYTES + 1)) == code(file(size=MAX_BYTES), file(size=1)) == "DatasetTooLarge"


def test_up_to_a_hundred_thousand_files_can_be_checked() -> None:
    check_files([file()] * MAX_FILES, RANGE)
    assert MAX_FILES == 100_000
    assert code(*[file()] * (MAX_FILES + 1)) == "DatasetTooLarge"


def test_a_packed_file_is_limited_to_what_one_function_reads() -> None:
    check_files([file("train.jsonl.gz", size=RANGE)], RANGE)
    assert code(file("train.jsonl.gz", size=RANGE + 1)) == "DatasetTooLarge"


def test_an_empty_file_among_others_is_refused() -> None:
    assert code(file(), file("b.jsonl", size=0)) == "EmptyFile"


def test_files_without_one_to_train_on_are_refused() -> None:
    assert code(file().model_copy(update={"role": "validation"})) == "NoTrainFile"
