"""Uploading through the client: what lies in the bucket afterwards, read back."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from dropforge.client import Client, Refused, uploads
from moto import mock_aws

BUCKET = "dropforge-test-datasets"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        session = boto3.Session(region_name="us-east-1")
        s3 = session.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        name = "/dropforge/test/buckets/datasets/name"
        session.client("ssm").put_parameter(Name=name, Value=BUCKET, Type="String")
        yield Client("test", session)


def objects() -> dict[str, bytes]:
    s3 = boto3.client("s3", region_name="us-east-1")
    listed = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {entry["Key"]: s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read() for entry in listed}


def file(folder: Path, name: str, content: bytes = b"{}\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_is_complete_by_itself_and_its_version_is_known(client: Client, tmp_path: Path) -> None:
    moved: list[int] = []
    dropped = client.drop(file(tmp_path, "birds.jsonl", b"rows\n"), "zoo", moved=moved.append)
    assert objects() == {"datasets/zoo/birds/train.jsonl": b"rows\n"}
    version = boto3.client("s3", region_name="us-east-1").head_object(Bucket=BUCKET, Key=dropped.upload.key)
    assert (dropped.upload.version_id, sum(moved)) == (version["VersionId"], 5)
    assert dropped.execution == f"zoo-birds-{dropped.upload.id}-1"


def test_a_folder_is_completed_by_its_manifest(client: Client, tmp_path: Path) -> None:
    file(tmp_path, "birds/train/a.jsonl", b"a\n")
    file(tmp_path, "birds/validation.jsonl", b"v\n")
    file(tmp_path, "birds/notes.txt")
    dropped = client.drop(tmp_path / "birds", "zoo", run={"recipe": "cpu-lora"})
    folder = dropped.upload.key.removesuffix("manifest.json")
    kept = objects()
    assert sorted(kept) == [f"{folder}manifest.json", f"{folder}train/a.jsonl", f"{folder}validation.jsonl"]
    manifest = json.loads(kept[dropped.upload.key])
    assert [(line["path"], line["bytes"]) for line in manifest["files"]] == [
        ("train/a.jsonl", 2),
        ("validation.jsonl", 2),
    ]
    assert manifest["run"] == {"recipe": "cpu-lora"}


def test_the_same_again_has_the_same_name_and_other_content_another(client: Client, tmp_path: Path) -> None:
    path = file(tmp_path, "birds.jsonl", b"a\n")
    keys = [client.drop(path, "zoo", run={"recipe": "x"}).upload.key for _ in range(2)]
    path.write_bytes(b"b\n")
    keys.append(client.drop(path, "zoo", run={"recipe": "x"}).upload.key)
    assert (keys[0] == keys[1], keys[1] == keys[2]) == (True, False)


def test_what_is_too_large_for_one_request_goes_in_parts(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "ONE_REQUEST", 1000)
    monkeypatch.setattr(uploads, "PART", 5 * 1024 * 1024)
    content = b"x" * (11 * 1024 * 1024)
    moved: list[int] = []
    dropped = client.drop(file(tmp_path, "birds.jsonl", content), "zoo", moved=moved.append)
    s3 = boto3.client("s3", region_name="us-east-1")
    read = s3.get_object(Bucket=BUCKET, Key=dropped.upload.key, VersionId=dropped.upload.version_id)["Body"].read()
    assert (read == content, len(moved), sum(moved)) == (True, 3, len(content))


@pytest.mark.parametrize(("name", "project"), [("birds.csv", "zoo"), ("birds.jsonl", "Zoo"), ("empty", "zoo")])
def test_what_the_deployment_would_refuse_is_refused_before_anything_is_uploaded(
    client: Client, tmp_path: Path, name: str, project: str
) -> None:
    path = file(tmp_path, name) if "." in name else (tmp_path / name)
    path.parent.mkdir(exist_ok=True)
    if "." not in name:
        path.mkdir()
    with pytest.raises(Refused):
        client.drop(path, project)
    assert objects() == {}
