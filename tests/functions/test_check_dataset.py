"""CheckDataset: every row read, the report beside the upload, and the ledger told either way."""

import gzip
import hashlib
import json
from collections.abc import Callable

import pytest
from dropforge.adapters import aws, ledger, table
from dropforge.domain.datasets import Dataset, File, Manifest
from dropforge.domain.uploads import Upload
from dropforge.errors import InvalidInput

from tests.builders import chat, row
from tests.contracts.repository import Document
from tests.functions.conftest import DATASETS, Call

KEY = "datasets/zoo/birds/train.jsonl"
GOOD = b"\n".join([row(), row("1 + 1 =", "2"), b""])
BAD = b"\n".join([row(), b'{"prompt": ', chat(), b""])
Put = Callable[[str, bytes], Upload]
Announced = Callable[[], list[tuple[str, Document]]]


def to_check(upload: Upload, size: int, sha256: str | None = None) -> Document:
    name = upload.key.rpartition("/")[2]
    file = File(path=name, key=upload.key, version_id=upload.version_id, bytes=size, sha256=sha256)
    manifest = Manifest(upload=upload, project="zoo", dataset="birds", files=(file,))
    return {"manifest": manifest.model_dump(mode="json"), "execution": "e-1"}


def report(key: str = "datasets/zoo/birds/report.json") -> Document:
    answer = aws.s3().get_object(Bucket=DATASETS, Key=key)
    parsed: Document = json.loads(answer["Body"].read())
    return parsed


def recorded(dataset: Document) -> Dataset | None:
    return table.get(f"DATASET#{Dataset.model_validate(dataset).id}", "DATASET", Dataset)


def test_a_good_file_becomes_a_dataset_that_the_ledger_holds(call: Call, put: Put) -> None:
    made = call("check_dataset", to_check(put(KEY, GOOD), len(GOOD)))
    assert (made["rows"], made["bytes"], made["kind"]) == (2, len(GOOD), "sft")
    assert made["files"][0]["sha256"] == hashlib.sha256(GOOD).hexdigest()
    assert recorded(made) == Dataset.model_validate(made)


def test_the_report_of_a_good_file_lies_beside_it(call: Call, put: Put) -> None:
    upload = put(KEY, GOOD)
    made = call("check_dataset", to_check(upload, len(GOOD)))
    assert made["report_uri"] == f"s3://{DATASETS}/datasets/zoo/birds/report.json"
    assert (report()["accepted"], report()["files"][0]["good_rows"]) == (True, 2)
    assert report()["upload"] == upload.model_dump()


def test_a_good_file_is_announced_and_its_upload_is_ready(call: Call, put: Put, announced: Announced) -> None:
    upload = put(KEY, GOOD)
    made = call("check_dataset", to_check(upload, len(GOOD)))
    ((kind, detail),) = announced()
    assert (kind, detail["digest"], detail["rows"]) == ("DatasetReady", made["digest"], 2)
    arrival = ledger.arrival(upload)
    assert arrival is not None
    assert arrival.status == "ready"


def test_a_packed_file_is_read_unpacked_and_hashed_as_it_lies(call: Call, put: Put) -> None:
    packed = gzip.compress(GOOD)
    made = call("check_dataset", to_check(put(KEY + ".gz", packed), len(packed)))
    assert (made["rows"], made["bytes"]) == (2, len(packed))
    assert made["files"][0]["sha256"] == hashlib.sha256(packed).hexdigest()


def test_a_bad_file_is_refused_with_its_first_fault_and_the_place_of_the_report(call: Call, put: Put) -> None:
    with pytest.raises(InvalidInput) as raised:
        call("check_dataset", to_check(put(KEY, BAD), len(BAD)))
    failure = raised.value.failure
    assert failure.code == "DatasetRejected"
    assert failure.why.startswith("2 faults in 1 file. First: train.jsonl line 2: Not one JSON object")
    assert failure.evidence["report"] == f"s3://{DATASETS}/datasets/zoo/birds/report.json"


def test_the_report_of_a_bad_file_names_each_line(call: Call, put: Put) -> None:
    with pytest.raises(InvalidInput):
        call("check_dataset", to_check(put(KEY, BAD), len(BAD)))
    (found,) = report()["files"]
    assert [(fault["line"], fault["code"]) for fault in found["faults"]] == [(2, "BrokenJson"), (3, "MixedShapes")]
    assert (report()["accepted"], found["rows"], found["good_rows"]) == (False, 3, 1)


def test_a_bad_file_is_announced_and_its_upload_rejected(call: Call, put: Put, announced: Announced) -> None:
    upload = put(KEY, BAD)
    with pytest.raises(InvalidInput):
        call("check_dataset", to_check(upload, len(BAD)))
    ((kind, detail),) = announced()
    arrival = ledger.arrival(upload)
    assert arrival is not None
    assert arrival.failure is not None
    assert (kind, detail["key"]) == ("DatasetRejected", KEY)
    assert (arrival.status, arrival.failure.code) == ("rejected", detail["failure"]["code"])


def test_a_file_that_is_not_what_its_manifest_says_is_refused(call: Call, put: Put) -> None:
    with pytest.raises(InvalidInput) as raised:
        call("check_dataset", to_check(put(KEY, GOOD), len(GOOD), sha256="0" * 64))
    assert raised.value.failure.code == "ManifestMismatch"


def test_the_same_content_again_is_the_same_dataset_and_keeps_its_first_upload(call: Call, put: Put) -> None:
    first, second = put(KEY, GOOD), put(KEY, GOOD)
    made = [call("check_dataset", to_check(upload, len(GOOD))) for upload in (first, second)]
    kept = recorded(made[0])
    assert made[0]["digest"] == made[1]["digest"]
    assert kept is not None
    assert kept.upload == first
