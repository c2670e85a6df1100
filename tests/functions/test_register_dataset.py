"""RegisterDataset: what an upload claims to hold, pinned to versions, before any of it is read."""

import hashlib
import json
from collections.abc import Callable

import pytest
from dropforge.adapters import aws, ledger
from dropforge.domain.uploads import RunBlock, Upload
from dropforge.errors import InvalidInput, NotFound, Problem

from tests.contracts.repository import Document
from tests.functions.conftest import DATASETS, Call

KEY = "datasets/zoo/birds/train.jsonl"
FOLDER = "datasets/zoo/birds/up-1/"
Put = Callable[[str, bytes], Upload]


def started(upload: Upload, run: RunBlock | None = None) -> Document:
    return {"upload": upload.model_dump(), "run": run or {}, "execution": "e-1"}


def line(path: str, content: bytes) -> Document:
    return {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def manifest(*lines: Document, **more: object) -> bytes:
    return json.dumps({"files": list(lines), **more}).encode()


def test_one_file_is_a_manifest_of_itself(call: Call, put: Put) -> None:
    upload = put(KEY, b"rows")
    made = call("register_dataset", started(upload, {"repeat": "x"}))
    assert (made["project"], made["dataset"], made["run"]) == ("zoo", "birds", {"repeat": "x"})
    assert made["files"] == [
        {"path": "train.jsonl", "key": KEY, "version_id": upload.version_id, "bytes": 4, "sha256": None}
    ]


def test_the_ledger_says_that_the_upload_is_being_checked(call: Call, put: Put) -> None:
    upload = put(KEY, b"rows")
    call("register_dataset", started(upload))
    arrival = ledger.arrival(upload)
    assert arrival is not None
    assert (arrival.status, arrival.execution) == ("checking", "e-1")


def test_the_version_that_was_uploaded_counts_and_not_the_newest(call: Call, put: Put) -> None:
    upload = put(KEY, b"rows")
    put(KEY, b"longer rows")
    assert call("register_dataset", started(upload))["files"][0]["bytes"] == 4


def test_a_manifest_lists_its_files_with_the_versions_they_have_now(call: Call, put: Put) -> None:
    a, b = put(FOLDER + "a.jsonl", b"aa"), put(FOLDER + "part/b.jsonl", b"bbb")
    upload = put(FOLDER + "manifest.json", manifest(line("a.jsonl", b"aa"), line("part/b.jsonl", b"bbb")))
    files = call("register_dataset", started(upload))["files"]
    assert [(f["path"], f["version_id"], f["bytes"]) for f in files] == [
        ("a.jsonl", a.version_id, 2),
        ("part/b.jsonl", b.version_id, 3),
    ]
    assert files[0]["sha256"] == hashlib.sha256(b"aa").hexdigest()


@pytest.mark.parametrize(("by_hand", "expected"), [({}, {"repeat": "own"}), ({"repeat": "hand"}, {"repeat": "hand"})])
def test_a_request_by_hand_wins_over_the_manifests_own(
    call: Call, put: Put, by_hand: RunBlock, expected: RunBlock
) -> None:
    put(FOLDER + "a.jsonl", b"aa")
    upload = put(FOLDER + "manifest.json", manifest(line("a.jsonl", b"aa"), run={"repeat": "own"}))
    assert call("register_dataset", started(upload, by_hand))["run"] == expected


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"not json", "BadManifest"),
        (b"{}", "BadManifest"),
        (manifest(), "BadManifest"),
        (manifest({"path": "a.jsonl", "sha256": "abc", "bytes": 2}), "BadManifest"),
        (manifest(line("../other/a.jsonl", b"aa")), "BadManifest"),
        (manifest(line("/a.jsonl", b"aa")), "BadManifest"),
        (manifest(line("b.jsonl", b"aa")), "ManifestMismatch"),
        (manifest(line("a.jsonl", b"aaa")), "ManifestMismatch"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(call: Call, put: Put, content: bytes, code: str) -> None:
    put(FOLDER + "a.jsonl", b"aa")
    with pytest.raises(InvalidInput) as raised:
        call("register_dataset", started(put(FOLDER + "manifest.json", content)))
    assert raised.value.failure.code == code


def test_an_empty_file_is_refused(call: Call, put: Put) -> None:
    with pytest.raises(InvalidInput) as raised:
        call("register_dataset", started(put(KEY, b"")))
    assert raised.value.failure.code == "EmptyFile"


def test_a_version_that_was_deleted_is_gone(call: Call, put: Put) -> None:
    upload = put(KEY, b"rows")
    aws.s3().delete_object(Bucket=DATASETS, Key=KEY, VersionId=upload.version_id)
    with pytest.raises(NotFound) as raised:
        call("register_dataset", started(upload))
    assert raised.value.failure.code == "UploadGone"


@pytest.mark.parametrize("key", ["datasets/zoo/birds/report.json", "datasets/zoo/train.jsonl"])
def test_a_key_given_by_hand_that_is_no_dataset_is_refused(call: Call, put: Put, key: str) -> None:
    with pytest.raises(Problem) as raised:
        call("register_dataset", started(put(key, b"rows")))
    assert raised.value.failure.code == "WrongKeyLayout"
