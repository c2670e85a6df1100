"""RegisterDataset: what an upload claims to hold, pinned to versions and listed in S3, before any of it is read."""

import hashlib
import json

import pytest
from dropforge.adapters import aws, ledger, settings
from dropforge.domain.uploads import RunBlock
from dropforge.errors import InvalidInput, NotFound, Problem

from tests.contracts.repository import Document
from tests.functions.conftest import DATASETS, Call
from tests.functions.uploads import FOLDER, KEY, Put, drop, line, listed, manifest, started


def test_one_file_is_a_manifest_of_itself(call: Call, put: Put) -> None:
    upload = put(KEY, b"rows")
    made = call("register_dataset", started(upload, {"repeat": "x"}))
    assert (made["project"], made["dataset"], made["run"]) == ("zoo", "birds", {"repeat": "x"})
    assert (made["files"], made["bytes"], made["ranges"]) == (1, 4, 0)
    (file,) = listed(made).files
    assert (file.path, file.key, file.version_id, file.bytes) == ("train.jsonl", KEY, upload.version_id, 4)
    assert (file.role, file.sha256) == ("train", None)


def test_the_listing_lies_in_the_datasets_own_folder_under_the_uploads_id(call: Call, put: Put) -> None:
    upload = put(KEY, b"rows")
    listing = call("register_dataset", started(upload))["listing"]
    assert listing["key"] == f"datasets/zoo/birds/.dropforge/{upload.id}/claimed.json"
    body = aws.s3().get_object(Bucket=DATASETS, Key=listing["key"], VersionId=listing["version_id"])["Body"].read()
    assert hashlib.sha256(body).hexdigest() == listing["sha256"]


def test_the_ledger_says_that_the_upload_is_being_checked(call: Call, put: Put) -> None:
    upload = put(KEY, b"rows")
    call("register_dataset", started(upload))
    arrival = ledger.arrival(upload)
    assert arrival is not None
    assert (arrival.status, arrival.execution) == ("checking", "e-1")


def test_the_version_that_was_uploaded_counts_and_not_the_newest(call: Call, put: Put) -> None:
    upload = put(KEY, b"rows")
    put(KEY, b"longer rows")
    assert call("register_dataset", started(upload))["bytes"] == 4


def test_without_a_version_the_newest_counts_from_then_on(call: Call, put: Put) -> None:
    put(KEY, b"rows")
    newest = put(KEY, b"longer rows")
    made = call("register_dataset", {"input": {"upload": {"bucket": DATASETS, "key": KEY}}, "execution": "by-hand"})
    assert made["upload"] == newest.model_dump()
    assert listed(made).files[0].version_id == newest.version_id


def test_a_manifest_lists_its_files_with_the_versions_they_have_now(call: Call, put: Put) -> None:
    put(FOLDER + "train-a.jsonl", b"older")
    a, b = put(FOLDER + "train-a.jsonl", b"aa"), put(FOLDER + "validation/b.jsonl", b"bbb")
    lines = line("train-a.jsonl", b"aa"), line("validation/b.jsonl", b"bbb")
    made = call("register_dataset", started(put(FOLDER + "manifest.json", manifest(*lines))))
    files = listed(made).files
    assert [(f.path, f.version_id, f.bytes, f.role) for f in files] == [
        ("train-a.jsonl", a.version_id, 2, "train"),
        ("validation/b.jsonl", b.version_id, 3, "validation"),
    ]
    assert files[0].sha256 == hashlib.sha256(b"aa").hexdigest()
    assert (made["files"], made["bytes"]) == (2, 5)


def test_names_are_taken_as_they_are(call: Call, put: Put) -> None:
    names = ["train a+b.jsonl", "train%20c.jsonl", "train-ä-日本.jsonl", "train&=?#.jsonl", "train\\d.jsonl"]
    upload = drop(put, {name: name.encode() for name in names})
    files = listed(call("register_dataset", started(upload))).files
    assert [file.path for file in files] == names
    assert [file.key for file in files] == [FOLDER + name for name in names]


def test_more_files_than_one_page_of_s3_are_found(call: Call, put: Put) -> None:
    upload = drop(put, {f"train/{n}.jsonl": b"x" * (n + 1) for n in range(1_001)})
    made = call("register_dataset", started(upload))
    assert made["files"] == len({file.version_id for file in listed(made).files}) == 1_001
    assert len(json.dumps(made)) < 2_000


def test_two_folders_are_two_uploads_and_the_same_manifest_again_is_a_third(call: Call, put: Put) -> None:
    uploads = [drop(put, {"train.jsonl": b"aa"}, folder) for folder in (FOLDER, "datasets/zoo/birds/up-2/", FOLDER)]
    places = {call("register_dataset", started(upload))["listing"]["key"] for upload in uploads}
    assert len(places) == 3


OWN: RunBlock = {"recipe": "a", "parameters": {"rank": 4}, "repeat": "own"}


@pytest.mark.parametrize(
    ("by_hand", "expected"),
    [
        ({}, OWN),
        ({"repeat": "hand"}, {**OWN, "repeat": "hand"}),
        ({"parameters": {"steps": 3}}, {**OWN, "parameters": {"rank": 4, "steps": 3}}),
        ({"recipe": "b"}, {"recipe": "b", "repeat": "own"}),
    ],
)
def test_a_request_by_hand_lies_on_the_manifests_own(
    call: Call, put: Put, by_hand: RunBlock, expected: RunBlock
) -> None:
    put(FOLDER + "train.jsonl", b"aa")
    upload = put(FOLDER + "manifest.json", manifest(line("train.jsonl", b"aa"), run=OWN))
    assert call("register_dataset", started(upload, by_hand))["run"] == expected


def test_a_request_by_hand_is_kept_with_the_upload_so_that_a_retry_trains_the_same(call: Call, put: Put) -> None:
    upload = put(KEY, b"aa")
    call("register_dataset", started(upload, {"recipe": "other"}))
    arrival = ledger.arrival(upload)
    assert arrival is not None
    assert arrival.run == {"recipe": "other"}


def refusal(call: Call, document: Document) -> Problem:
    with pytest.raises(Problem) as raised:
        call("register_dataset", document)
    return raised.value


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"not json", "BadManifest"),
        (b"{}", "BadManifest"),
        (manifest(), "BadManifest"),
        (manifest({"path": "train.jsonl", "sha256": "abc", "bytes": 2}), "BadManifest"),
        (manifest(line("../other/train.jsonl", b"aa")), "BadManifest"),
        (manifest(line("/train.jsonl", b"aa")), "BadManifest"),
        (manifest(line("./train.jsonl", b"aa")), "BadManifest"),
        (manifest(line("train.jsonl", b"aa"), line("train.jsonl", b"aa")), "BadManifest"),
        (manifest(line("train.jsonl", b"aa", role="training")), "BadManifest"),
        (manifest(line("train-b.jsonl", b"aa")), "ManifestMismatch"),
        (manifest(line("train.jsonl", b"aaa")), "ManifestMismatch"),
        (manifest(line("rows.jsonl", b"aa")), "RoleUnknown"),
        (manifest(line("train.jsonl", b"aa", role="validation")), "NoTrainFile"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(call: Call, put: Put, content: bytes, code: str) -> None:
    for path in ("train.jsonl", "rows.jsonl"):
        put(FOLDER + path, b"aa")
    problem = refusal(call, started(put(FOLDER + "manifest.json", content)))
    assert (type(problem), problem.failure.code) == (InvalidInput, code)


def test_a_role_in_the_manifest_wins_over_the_name(call: Call, put: Put) -> None:
    for path in ("rows.jsonl", "train.jsonl"):
        put(FOLDER + path, b"aa")
    lines = line("rows.jsonl", b"aa", role="train"), line("train.jsonl", b"aa", role="validation")
    made = call("register_dataset", started(put(FOLDER + "manifest.json", manifest(*lines))))
    assert [file.role for file in listed(made).files] == ["train", "validation"]


def test_files_that_are_listed_and_missing_are_named_up_to_twenty(call: Call, put: Put) -> None:
    put(FOLDER + "train-0.jsonl", b"aa")
    lines = [line(f"train-{n}.jsonl", b"aa") for n in range(30)]
    failure = refusal(call, started(put(FOLDER + "manifest.json", manifest(*lines)))).failure
    assert failure.why.startswith(
        "`train-1.jsonl` and 28 more are listed and missing. manifest.json must be uploaded last"
    )
    assert failure.evidence["missing"] == [f"train-{n}.jsonl" for n in range(1, 21)]


def test_a_file_that_was_deleted_again_is_missing(call: Call, put: Put) -> None:
    upload = drop(put, {"train-a.jsonl": b"aa", "train-b.jsonl": b"bb"})
    aws.s3().delete_object(Bucket=DATASETS, Key=FOLDER + "train-b.jsonl")
    assert refusal(call, started(upload)).failure.evidence["missing"] == ["train-b.jsonl"]


@pytest.mark.parametrize("name", ["train.jsonl", "up-1/train.jsonl"])
def test_an_empty_file_is_refused(call: Call, put: Put, name: str) -> None:
    upload = put(KEY, b"") if name == "train.jsonl" else drop(put, {"train.jsonl": b""})
    assert refusal(call, started(upload)).failure.code == "EmptyFile"


def test_a_version_that_was_deleted_is_gone(call: Call, put: Put) -> None:
    upload = put(KEY, b"rows")
    aws.s3().delete_object(Bucket=DATASETS, Key=KEY, VersionId=upload.version_id)
    problem = refusal(call, started(upload))
    assert (type(problem), problem.failure.code) == (NotFound, "UploadGone")


def test_an_object_that_was_never_there_is_gone(call: Call) -> None:
    document = {"input": {"upload": {"bucket": DATASETS, "key": KEY}}, "execution": "by-hand"}
    assert refusal(call, document).failure.code == "UploadGone"


@pytest.mark.parametrize("key", ["datasets/zoo/birds/report.json", "datasets/zoo/train.jsonl"])
def test_a_key_given_by_hand_that_is_no_dataset_is_refused(call: Call, put: Put, key: str) -> None:
    assert refusal(call, started(put(key, b"rows"))).failure.code == "WrongKeyLayout"


UPLOAD = {"bucket": DATASETS, "key": KEY}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "`upload`: Field required"),
        ([], "`the document`"),
        ("train.jsonl", "`the document`"),
        ({"upload": "train.jsonl"}, "`upload`"),
        ({"upload": {"bucket": DATASETS}}, "`upload.key`: Field required"),
        ({"upload": {**UPLOAD, "version": "v"}}, "`upload.version`"),
        ({"upload": {**UPLOAD, "version_id": 3}}, "`upload.version_id`"),
        ({"upload": UPLOAD, "runs": {}}, "`runs`"),
        ({"upload": UPLOAD, "run": []}, "`run`"),
        (
            {"upload": {**UPLOAD, "bucket": "elsewhere"}},
            f"`upload.bucket` is `elsewhere`; datasets lie in `{DATASETS}`",
        ),
    ],
)
def test_input_that_was_typed_wrong_names_the_key(call: Call, typed: object, said: str) -> None:
    problem = refusal(call, {"input": typed, "execution": "by-hand"})
    assert (type(problem), problem.failure.code) == (InvalidInput, "BadInput")
    assert said in problem.failure.why


def test_a_run_request_that_state_cannot_carry_is_refused(call: Call, put: Put) -> None:
    failure = refusal(call, started(put(KEY, b"rows"), {"repeat": "x" * 16_384})).failure
    assert failure.code == "BadRunRequest"


@pytest.fixture
def read_in_tens(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECK_RANGE_BYTES", "10")
    settings.check_range_bytes.cache_clear()


@pytest.mark.usefixtures("read_in_tens")
@pytest.mark.parametrize(("size", "ranges"), [(10, 0), (11, 2), (30, 3), (31, 4)])
def test_a_file_larger_than_a_range_is_read_in_several(call: Call, put: Put, size: int, ranges: int) -> None:
    made = call("register_dataset", started(put(KEY, b"x" * size)))
    assert (made["ranges"], listed(made).range_bytes) == (ranges, 10)


@pytest.mark.usefixtures("read_in_tens")
def test_small_files_that_are_much_together_are_read_side_by_side(call: Call, put: Put) -> None:
    made = call("register_dataset", started(drop(put, {f"train-{n}.jsonl": b"x" * 4 for n in range(5)})))
    assert made["ranges"] == 3


@pytest.mark.usefixtures("read_in_tens")
def test_a_packed_file_larger_than_a_range_is_refused_and_says_what_to_do(call: Call, put: Put) -> None:
    failure = refusal(call, started(put(KEY + ".gz", b"x" * 11))).failure
    assert failure.code == "DatasetTooLarge"
    assert "cannot be read in parts; the limit is 10." in failure.why
    assert "upload it unpacked" in failure.next
