"""CheckRange: a large upload read in shares side by side says, joined, the same as one that is read whole."""

import gzip
import hashlib

import pytest
from dropforge.adapters import aws, settings
from dropforge.errors import InvalidInput, NotFound, Problem

from tests.builders import row
from tests.contracts.repository import Document
from tests.functions.conftest import DATASETS, Call
from tests.functions.uploads import FOLDER, KEY, Put, check, drop, line, listed, manifest, report, started

ROWS = b"".join(row(f"{n} + {n} =", str(2 * n)) + b"\n" for n in range(40))
BAD = ROWS + b'{"prompt": \n' * 30 + ROWS


def read_in(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECK_RANGE_BYTES", str(size))
    settings.check_range_bytes.cache_clear()


@pytest.fixture
def small_ranges(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    read_in(100, monkeypatch)


def said(made: Document) -> Document:
    """What a dataset says that does not hang on how it was read."""
    return {key: made[key] for key in ("kind", "rows", "train_rows", "bytes", "longest_bytes", "longest_at")}


@pytest.mark.parametrize("size", [7, 41, 100, 500, len(ROWS) - 1])
def test_in_ranges_of_any_size_the_same_is_found_as_in_one(
    call: Call, put: Put, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    whole = said(check(call, put(KEY, ROWS)))
    read_in(size, monkeypatch)
    assert said(check(call, put(KEY, ROWS))) == whole


@pytest.mark.usefixtures("small_ranges")
def test_the_digest_of_a_file_in_ranges_is_that_of_its_ranges_digests(call: Call, put: Put) -> None:
    (file,) = listed(check(call, put(KEY, ROWS))).files
    ranges = [hashlib.sha256(ROWS[begin : begin + 100]).digest() for begin in range(0, len(ROWS), 100)]
    assert file.ranges_sha256 == hashlib.sha256(b"".join(ranges)).hexdigest()
    assert file.sha256 is None


@pytest.mark.usefixtures("small_ranges")
def test_a_claimed_digest_of_a_file_in_ranges_stays_a_claim_for_the_prefetch_job(call: Call, put: Put) -> None:
    (file,) = listed(check(call, drop(put, {"train.jsonl": ROWS}))).files
    assert file.sha256 == hashlib.sha256(ROWS).hexdigest()
    assert file.ranges_sha256 is not None


@pytest.mark.usefixtures("small_ranges")
def test_a_false_claim_does_not_make_the_identity_of_a_dataset(call: Call, put: Put) -> None:
    honest = check(call, drop(put, {"train.jsonl": ROWS}))
    false = manifest({**line("train.jsonl", ROWS), "sha256": "0" * 64})
    assert check(call, put(FOLDER + "manifest.json", false))["digest"] == honest["digest"]


def test_faults_in_ranges_are_those_of_the_whole_file(call: Call, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = []
    for size in (1_000_000, 100):
        read_in(size, monkeypatch)
        with pytest.raises(InvalidInput, match="DatasetRejected"):
            check(call, put(KEY, BAD))
        reports.append(report()["files"])
    told = [{key: value for key, value in file.items() if "warning" not in key} for (file,) in reports]
    assert told[0] == told[1]
    (found,) = reports[1]
    assert [fault["line"] for fault in found["faults"]] == list(range(41, 61))
    assert (found["counts"], found["rows"], found["good_rows"]) == ({"BrokenJson": 30}, 110, 80)


@pytest.mark.usefixtures("small_ranges")
def test_a_row_longer_than_several_ranges_is_one_row(call: Call, put: Put) -> None:
    long = row("x" * 450)
    made = check(call, put(KEY, row() + b"\n" + long + b"\n" + row()))
    assert (made["rows"], made["longest_bytes"], made["longest_at"]) == (3, 451, "train.jsonl line 2")


@pytest.mark.usefixtures("small_ranges")
def test_files_large_small_and_packed_are_read_together(call: Call, put: Put) -> None:
    packed = gzip.compress(row() + b"\n" + row())
    files = {"train-a.jsonl": ROWS, "train-b.jsonl": row(), "train-c.jsonl.gz": packed, "validation.jsonl": row()}
    made = check(call, drop(put, files))
    assert (made["rows"], made["train_rows"], made["files"]) == (44, 43, 4)
    first, *others = listed(made).files
    assert (first.rows, first.ranges_sha256 is None) == (40, False)
    assert [file.sha256 for file in others] == [hashlib.sha256(files[file.path]).hexdigest() for file in others]
    assert [file.rows for file in others] == [1, 2, 1]


@pytest.mark.usefixtures("small_ranges")
def test_a_small_file_among_ranges_that_is_not_what_its_manifest_says_is_refused(call: Call, put: Put) -> None:
    for path, content in (("train-a.jsonl", ROWS), ("train-b.jsonl", row())):
        put(FOLDER + path, content)
    lines = line("train-a.jsonl", ROWS), {**line("train-b.jsonl", row()), "sha256": "0" * 64}
    with pytest.raises(InvalidInput) as raised:
        check(call, put(FOLDER + "manifest.json", manifest(*lines)))
    assert raised.value.failure.evidence["files"] == ["train-b.jsonl"]


@pytest.mark.usefixtures("small_ranges")
def test_a_version_that_vanished_is_no_failure_of_the_range_and_one_of_the_dataset(call: Call, put: Put) -> None:
    upload = put(KEY, ROWS)
    made = call("register_dataset", started(upload))
    aws.s3().delete_object(Bucket=DATASETS, Key=KEY, VersionId=upload.version_id)
    for number in range(made["ranges"]):
        call("check_range", {"manifest": made, "number": number})
    with pytest.raises(NotFound) as raised:
        call("check_dataset", {"manifest": made, "execution": "e-1"})
    assert raised.value.failure.code == "UploadGone"


@pytest.mark.usefixtures("small_ranges")
def test_a_range_that_nobody_has_read_is_missed(call: Call, put: Put) -> None:
    made = call("register_dataset", started(put(KEY, ROWS)))
    with pytest.raises(NotFound, match=r"ranges/0\.json"):
        call("check_dataset", {"manifest": made, "execution": "e-1"})


@pytest.mark.usefixtures("small_ranges")
def test_what_was_read_of_other_files_of_the_same_upload_is_not_mixed_in(call: Call, put: Put) -> None:
    upload = drop(put, {"train.jsonl": ROWS})
    older = call("register_dataset", started(upload))
    put(FOLDER + "train.jsonl", ROWS)
    newer = call("register_dataset", started(upload))
    for number in range(newer["ranges"]):
        call("check_range", {"manifest": newer, "number": number})
    with pytest.raises(Problem) as raised:
        call("check_dataset", {"manifest": older, "execution": "e-1"})
    assert raised.value.failure.code == "ListingChanged"
