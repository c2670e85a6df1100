"""A dataset of many files, by its listing: what is compared, what is learnt, what is only measured."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cpu_trainer import huggingface
from cpu_trainer.checkpoint import MANIFEST
from cpu_trainer.errors import OURS, Failure
from cpu_trainer.files import CHUNK, sha256_of
from cpu_trainer.prefetch import Arrived, prefetch
from cpu_trainer.prefetch import listed as listing_files

from .conftest import SMALL

RANGE = 64
Entry = dict[str, Any]


def ranges_sha256(content: bytes, length: int = RANGE) -> str:
    pieces = [content[start : start + length] for start in range(0, len(content), length)]
    return hashlib.sha256(b"".join(hashlib.sha256(piece).digest() for piece in pieces)).hexdigest()


def rows(*words: str) -> bytes:
    return "".join(json.dumps({"prompt": f"Say {word}.", "completion": f"{word}!"}) + "\n" for word in words).encode()


@pytest.fixture
def stage(tmp_path) -> Callable[..., Entry]:
    """Put a file on the mount and return its entry."""

    def put(name: str, content: bytes, role: str = "train", *, by_ranges: bool = False, **changed: object) -> Entry:
        path = tmp_path / "mount" / "datasets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return {
            "path": name,
            "key": f"datasets/{name}",
            "version_id": "v1",
            "bytes": len(content),
            "sha256": None if by_ranges else hashlib.sha256(content).hexdigest(),
            "ranges_sha256": ranges_sha256(content) if by_ranges else None,
            "role": role,
            "rows": content.count(b"\n"),
        } | changed

    return put


@pytest.fixture
def listed(tmp_path) -> Callable[..., tuple[object, ...]]:
    """Write a listing and return the flags that name it."""

    def write(*entries: object, flag: str = "--sha256") -> tuple[object, ...]:
        path = tmp_path / "mount" / "listing.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"range_bytes": RANGE, "files": entries}))
        return ("--listing", path, flag, sha256_of(path), "--mount", tmp_path / "mount")

    return write


def arrive(flags: tuple[object, ...]) -> Arrived:
    """Prefetch in this process, by the flags of a listing."""
    return prefetch(listing_files(Path(str(flags[1])), [str(flags[3])], Path(str(flags[5]))))


@pytest.fixture
def train(run, listed, cache, tmp_path):
    def start(*entries: object, out: str = "out"):
        flags = listed(*entries, flag="--listing-sha256")
        return run("train", *flags, "--base", SMALL.folder(cache), "--out", tmp_path / out, "--steps", 6)

    return start


@pytest.mark.parametrize("size", [1, RANGE - 1, RANGE, RANGE + 1, 5 * RANGE, 3 * CHUNK + 7])
def test_a_file_is_compared_by_its_ranges_however_long_it_is(stage, listed, size):
    content = bytes(index % 251 for index in range(size))
    flags = listed(stage("a.jsonl", content, by_ranges=True), stage("b.jsonl", content))
    assert arrive(flags) == Arrived(2, 2 * size)


@pytest.mark.parametrize("by_ranges", [False, True])
@pytest.mark.parametrize("place", [0, RANGE, -1])
def test_a_byte_that_changed_is_found_whichever_hash_is_registered(stage, listed, tmp_path, by_ranges, place):
    flags = listed(stage("good.jsonl", rows("one")), stage("bad.jsonl", rows("one", "two", "six"), by_ranges=by_ranges))
    path = tmp_path / "mount" / "datasets" / "bad.jsonl"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(Failure) as caught:
        arrive(flags)
    kind = "ranges_sha256" if by_ranges else "sha256"
    assert (caught.value.code, caught.value.exit_code) == ("file-differs", OURS)
    assert caught.value.cause.startswith(f"{path}: expected {kind} ")


def test_the_files_of_a_listing_are_counted(run, stage, listed):
    flags = listed(stage("a.jsonl", rows("one"), by_ranges=True), stage("b.jsonl", rows("two")))
    size = len(rows("one") + rows("two"))
    assert run("prefetch", *flags).message.items() >= {"ok": True, "files": 2, "bytes": size}.items()


def test_a_file_without_a_hash_is_compared_by_size_and_that_is_said(run, stage, listed):
    flags = listed(stage("a.jsonl", rows("one"), sha256=None))
    ended = run("prefetch", *flags)
    assert ended.code == 0
    assert ended.out.startswith("1 files have no registered hash, only their sizes are compared; the first is a.jsonl")


def test_files_for_validation_are_prefetched_too(run, stage, listed, tmp_path):
    flags = listed(stage("a.jsonl", rows("one")), stage("b.jsonl", rows("two"), role="validation"))
    (tmp_path / "mount" / "datasets" / "b.jsonl").unlink()
    ended = run("prefetch", *flags)
    assert (ended.code, ended.message["code"]) == (3, "file-missing")
    assert "b.jsonl" in ended.message["cause"]


@pytest.mark.parametrize("step", ["prefetch", "train"])
def test_a_listing_that_changed_is_refused_before_its_files_are_read(run, train, stage, listed, tmp_path, step):
    flags = [*listed(stage("a.jsonl", rows("one")), flag="--sha256" if step == "prefetch" else "--listing-sha256")]
    flags[3] = "0" * 64
    more = () if step == "prefetch" else ("--base", tmp_path, "--out", tmp_path / "out")
    ended = run(step, *flags, *more)
    assert (ended.code, ended.message["code"]) == (3, "file-differs")
    assert f"listing.json: expected sha256 {'0' * 64}, found " in ended.message["cause"]


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "../a.jsonl"},
        {"key": "/etc/passwd"},
        {"key": ""},
        {"bytes": "9"},
        {"sha256": "abc"},
        {"ranges_sha256": 5},
        {"role": "test"},
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(stage, listed, changed):
    with pytest.raises(Failure, match="expected path, a key inside the mount") as caught:
        arrive(listed(stage("a.jsonl", rows("one"), **changed)))
    assert caught.value.code == "bad-listing"


@pytest.mark.parametrize("content", ["{", "[]", '{"range_bytes": 0, "files": [1]}', '{"range_bytes": 9, "files": []}'])
def test_a_listing_that_makes_no_sense_is_refused(tmp_path, content):
    path = tmp_path / "listing.json"
    path.write_text(content)
    with pytest.raises(Failure) as caught:
        arrive(("--listing", path, "--sha256", sha256_of(path), "--mount", tmp_path))
    assert (caught.value.code, caught.value.exit_code) == ("bad-listing", OURS)


def test_training_reads_the_files_for_training_in_the_order_of_the_listing(train, stage, tmp_path):
    one, two = stage("one.jsonl", rows("one", "two")), stage("more/two.jsonl", rows("three"), by_ranges=True)
    both = stage("both.jsonl", rows("one", "two", "three"))
    assert train(one, two).message["rows"] == 3
    train(two, one, out="reversed")
    train(both, out="both")
    found = [sha256_of(tmp_path / out / huggingface.ADAPTER_WEIGHTS) for out in ("out", "both", "reversed")]
    assert found[0] == found[1] != found[2]


def test_held_out_rows_are_measured_and_not_learnt(train, stage, tmp_path):
    learnt, held_out = stage("train.jsonl", rows("one", "two")), stage("held.jsonl", rows("six"), role="validation")
    with_held_out = train(held_out, learnt)
    without = train(learnt, out="without")
    message, manifest = with_held_out.message, json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert message["rows"] == 2
    assert message["validation_loss"] == manifest["validation_loss"] < message["validation_loss_before"]
    assert message["validation_loss_before"] == manifest["validation_loss_before"]
    assert "validation_loss" not in without.message
    weights = [sha256_of(tmp_path / out / huggingface.ADAPTER_WEIGHTS) for out in ("out", "without")]
    assert weights[0] == weights[1]


def test_a_listing_without_rows_to_learn_from_is_refused(train, stage):
    ended = train(stage("held.jsonl", rows("six"), role="validation"))
    assert (ended.code, ended.message["code"]) == (1, "no-rows")


def test_data_that_changed_since_it_was_prefetched_is_not_learnt_even_if_its_rows_are_broken(train, stage, tmp_path):
    entry = stage("a.jsonl", rows("one"))
    path = tmp_path / "mount" / "datasets" / "a.jsonl"
    path.write_bytes(b"x" * entry["bytes"])
    ended = train(entry)
    assert (ended.code, ended.message["code"]) == (3, "file-differs")
    assert not (tmp_path / "out").exists()


def test_a_bad_row_is_named_by_the_path_in_the_dataset(train, stage):
    ended = train(stage("more/a.jsonl", rows("one") + b"nonsense\n"))
    assert ended.message["cause"].startswith("more/a.jsonl line 2: ")


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--listing", "a"),
        ("--listing", "a", "--listing-sha256", "0" * 64),
        ("--listing", "a", "--listing-sha256", "0" * 64, "--mount", ".", "--data", "b"),
        ("--data", "b", "--sha256", "abc"),
    ],
)
def test_data_that_is_named_by_halves_is_a_mistake_of_usage(run, cache, tmp_path, flags):
    ended = run("train", *flags, "--base", SMALL.folder(cache), "--out", tmp_path / "out")
    assert (ended.code, ended.message["code"]) == (2, "usage")
