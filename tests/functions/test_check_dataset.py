"""CheckDataset: every row read, the report beside the upload, and the ledger told either way."""

import gzip
import hashlib
from collections.abc import Callable

import pytest
from dropforge.adapters import aws, ledger, table
from dropforge.domain.datasets import Dataset
from dropforge.errors import InvalidInput, NotFound
from time_machine import travel

from tests.builders import chat, row
from tests.contracts.repository import Document
from tests.functions.conftest import DATASETS, Call
from tests.functions.uploads import FOLDER, KEY, Put, check, drop, line, listed, manifest, report, started

GOOD = b"\n".join([row(), row("1 + 1 =", "2"), b""])
BAD = b"\n".join([row(), b'{"prompt": ', chat(), b""])
Announced = Callable[[], list[tuple[str, Document]]]


def recorded(dataset: Document) -> Dataset | None:
    return table.get(f"DATASET#{Dataset.model_validate(dataset).id}", "DATASET", Dataset)


def test_a_good_file_becomes_a_dataset_that_the_ledger_holds(call: Call, put: Put) -> None:
    made = check(call, put(KEY, GOOD))
    assert (made["rows"], made["bytes"], made["kind"]) == (2, len(GOOD), "sft")
    assert listed(made).files[0].sha256 == hashlib.sha256(GOOD).hexdigest()
    assert recorded(made) == Dataset.model_validate(made)


def test_the_report_of_a_good_file_lies_beside_it_and_among_what_is_the_uploads_own(call: Call, put: Put) -> None:
    upload = put(KEY, GOOD)
    made = check(call, upload)
    assert made["report_uri"] == f"s3://{DATASETS}/{made['listing']['key'].replace('files.json', 'report.json')}"
    assert (report()["accepted"], report()["files"][0]["good_rows"]) == (True, 2)
    assert report()["upload"] == upload.model_dump()


def test_a_good_file_is_announced_and_its_upload_is_ready(call: Call, put: Put, announced: Announced) -> None:
    upload = put(KEY, GOOD)
    made = check(call, upload)
    ((kind, detail),) = announced()
    assert (kind, detail["digest"], detail["rows"]) == ("DatasetReady", made["digest"], 2)
    arrival = ledger.arrival(upload)
    assert arrival is not None
    assert arrival.status == "ready"


def test_the_newest_upload_is_the_one_that_s3_took_in_last_whichever_was_checked_last(call: Call, put: Put) -> None:
    with travel("2026-11-26T10:00:00Z", tick=False):
        old = put(KEY, GOOD)
    with travel("2026-11-26T11:00:00Z", tick=False):
        new = put(KEY, GOOD)
    for upload in (new, old):
        check(call, upload)
    latest = ledger.latest("zoo", "birds")
    assert latest is not None
    assert latest.upload == new


def test_a_packed_file_is_read_unpacked_and_hashed_as_it_lies(call: Call, put: Put) -> None:
    packed = gzip.compress(GOOD)
    made = check(call, put(KEY + ".gz", packed))
    assert (made["rows"], made["bytes"]) == (2, len(packed))
    assert listed(made).files[0].sha256 == hashlib.sha256(packed).hexdigest()


def test_a_later_upload_to_the_same_place_replaces_the_report_beside_it_and_not_the_uploads_own(
    call: Call, put: Put
) -> None:
    first = check(call, put(KEY, GOOD))
    check(call, put(KEY, GOOD + GOOD.replace(b"a", b"e")))
    assert report()["files"][0]["rows"] == 4
    own = report(first["listing"]["key"].replace("files.json", "report.json"))
    assert (own["upload"], own["files"][0]["rows"]) == (first["upload"], 2)


def test_a_bad_file_is_refused_with_its_first_fault_and_the_place_of_the_report(call: Call, put: Put) -> None:
    with pytest.raises(InvalidInput) as raised:
        check(call, put(KEY, BAD))
    failure = raised.value.failure
    assert failure.code == "DatasetRejected"
    assert failure.why.startswith("2 faults in 1 file. First: train.jsonl line 2: Not one JSON object")
    assert str(failure.evidence["report"]).startswith(f"s3://{DATASETS}/datasets/zoo/birds/.dropforge/")


def test_the_report_of_a_bad_file_names_each_line(call: Call, put: Put) -> None:
    with pytest.raises(InvalidInput):
        check(call, put(KEY, BAD))
    (found,) = report()["files"]
    assert [(fault["line"], fault["code"]) for fault in found["faults"]] == [(2, "BrokenJson"), (3, "MixedShapes")]
    assert (report()["accepted"], found["rows"], found["good_rows"]) == (False, 3, 1)


def test_a_bad_file_is_announced_and_its_upload_rejected(call: Call, put: Put, announced: Announced) -> None:
    upload = put(KEY, BAD)
    with pytest.raises(InvalidInput):
        check(call, upload)
    ((kind, detail),) = announced()
    arrival = ledger.arrival(upload)
    assert arrival is not None
    assert arrival.failure is not None
    assert (kind, detail["key"]) == ("DatasetRejected", KEY)
    assert (arrival.status, arrival.failure.code) == ("rejected", detail["failure"]["code"])


def test_a_file_that_is_not_what_its_manifest_says_is_refused(call: Call, put: Put) -> None:
    put(FOLDER + "train.jsonl", GOOD)
    upload = put(FOLDER + "manifest.json", manifest({**line("train.jsonl", GOOD), "sha256": "0" * 64}))
    with pytest.raises(InvalidInput) as raised:
        check(call, upload)
    assert raised.value.failure.code == "ManifestMismatch"
    assert raised.value.failure.evidence["files"] == ["train.jsonl"]


def test_the_same_content_again_is_the_same_dataset_and_keeps_its_first_upload(call: Call, put: Put) -> None:
    first, second = put(KEY, GOOD), put(KEY, GOOD)
    made = [check(call, upload) for upload in (first, second)]
    kept = recorded(made[0])
    assert made[0]["digest"] == made[1]["digest"]
    assert kept is not None
    assert kept.upload == first


def test_the_rows_of_each_role_are_counted_and_the_longest_row_has_its_place(call: Call, put: Put) -> None:
    longest = row("a longer question than all others", "yes")
    files = {"train.jsonl": GOOD, "validation.jsonl": b"\n".join([row("held", "out"), longest])}
    made = check(call, drop(put, files))
    assert (made["rows"], made["train_rows"], made["files"]) == (4, 2, 2)
    assert (made["longest_bytes"], made["longest_at"]) == (
        len("a longer question than all othersyes"),
        "validation.jsonl line 2",
    )
    assert [(file.role, file.rows) for file in listed(made).files] == [("train", 2), ("validation", 2)]


def test_a_validation_row_that_is_also_trained_on_rejects_the_upload_and_names_both_places(
    call: Call, put: Put
) -> None:
    files = {"train.jsonl": b"\n".join([row("a", "b"), row("leaked", "row")]), "validation.jsonl": row("leaked", "row")}
    with pytest.raises(InvalidInput, match=r"validation.jsonl line 1: .*line 2 of train.jsonl"):
        check(call, drop(put, files))


def test_a_row_that_is_there_twice_is_a_warning_and_no_fault(call: Call, put: Put) -> None:
    made = check(call, put(KEY, b"\n".join([row("a", "b"), row("c", "d"), row("a", "b")])))
    (found,) = report()["files"]
    assert (made["rows"], made["warnings"]) == (3, 1)
    assert [(w["code"], w["line"]) for w in found["warnings"]] == [("DuplicateRow", 3)]


def test_preferences_are_a_dataset_of_their_own_kind(call: Call, put: Put) -> None:
    preference = b'{"prompt": "2 + 2 =", "chosen": "4", "rejected": "5"}'
    assert check(call, put(KEY, preference))["kind"] == "dpo"


def test_what_was_read_is_listed_in_the_datasets_own_folder(call: Call, put: Put) -> None:
    upload = put(KEY, GOOD)
    made = check(call, upload)
    assert made["listing"]["key"] == f"datasets/zoo/birds/.dropforge/{upload.id}/files.json"


def test_files_with_any_names_are_read(call: Call, put: Put) -> None:
    names = ["train a+b.jsonl", "train%20c.jsonl", "train-ä-日本.jsonl", "train&=?#.jsonl"]
    made = check(call, drop(put, {name: row(name) for name in names}))
    assert [file.sha256 for file in listed(made).files] == [hashlib.sha256(row(name)).hexdigest() for name in names]


def test_a_file_that_is_overwritten_between_register_and_check_counts_as_it_was(call: Call, put: Put) -> None:
    made = call("register_dataset", started(drop(put, {"train.jsonl": GOOD})))
    put(FOLDER + "train.jsonl", BAD)
    assert call("check_dataset", {"manifest": made, "execution": "e-1"})["rows"] == 2


def test_a_file_that_is_deleted_between_register_and_check_is_gone(call: Call, put: Put) -> None:
    upload = put(KEY, GOOD)
    made = call("register_dataset", started(upload))
    aws.s3().delete_object(Bucket=DATASETS, Key=KEY, VersionId=upload.version_id)
    with pytest.raises(NotFound) as raised:
        call("check_dataset", {"manifest": made, "execution": "e-1"})
    assert raised.value.failure.code == "UploadGone"


def test_a_listing_that_is_not_what_was_written_is_not_believed(call: Call, put: Put) -> None:
    made = call("register_dataset", started(put(KEY, GOOD)))
    other = put(made["listing"]["key"], b'{"range_bytes": 1, "files": []}')
    forged = {**made, "listing": {**made["listing"], "version_id": other.version_id}}
    with pytest.raises(InvalidInput) as raised:
        call("check_dataset", {"manifest": forged, "execution": "e-1"})
    assert raised.value.failure.code == "ListingChanged"


def test_another_role_of_the_same_file_is_another_dataset(call: Call, put: Put) -> None:
    contents = {"train-a.jsonl": GOOD, "train-b.jsonl": row("another", "row")}
    plain = check(call, drop(put, contents))
    lines = line("train-a.jsonl", GOOD), line("train-b.jsonl", row("another", "row"), role="validation")
    assert check(call, put(FOLDER + "manifest.json", manifest(*lines)))["digest"] != plain["digest"]


def test_a_packed_file_that_was_cut_off_is_refused_whether_its_rows_look_alike_or_not(call: Call, put: Put) -> None:
    rows = [row()] * 9 + [row(hashlib.sha256(bytes([n])).hexdigest()) for n in range(200)]
    packed = gzip.compress(b"\n".join(rows))[:-2000]
    with pytest.raises(InvalidInput):
        check(call, put(KEY + ".gz", packed))
    assert report()["files"][0]["counts"] == {"GzipCutOff": 1}
