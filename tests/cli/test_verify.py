"""`dropforge verify`: a folder or an S3 prefix, what it says, and how it exits."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from dropforge.client import Refused, checkpoints
from moto import mock_aws

from tests.cli.conftest import Run
from tests.domain.checkpoint_corpus import Files, adapter, below, dcp, model, nemo, sharded
from tests.golden_files import check_golden

BUCKET = "some-models"
HEAD = "model-00001-of-00002.safetensors"


def written(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_a_whole_checkpoint_is_described(run: Run, tmp_path: Path) -> None:
    files = {**below("checkpoint-20/", adapter()), **below("checkpoint-40/", adapter())}
    files["checkpoint-40/adapter_model.safetensors"] += b"x"
    ran = run("verify", str(written(tmp_path, files)))
    assert (ran.code, ran.err) == (0, "")
    check_golden("verify_whole.txt", ran.out)


def test_a_damaged_one_is_refused_with_file_reason_and_what_to_do(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(written(tmp_path, below("out/", sharded() | {HEAD: sharded()[HEAD][:-1]})))
    ran = run("verify", "out")
    assert (ran.code, ran.out) == (1, "")
    check_golden("verify_damaged.txt", ran.err)


def test_json_is_what_was_opened_or_the_failure(run: Run, tmp_path: Path) -> None:
    ran = run("verify", str(written(tmp_path, sharded())), "--json")
    found = json.loads(ran.out)
    assert (ran.code, found["shape"], found["dtypes"], found["passed_over"]) == (0, "hugging-face", {"F32": 104}, [])
    (tmp_path / HEAD).unlink()
    ran = run("verify", str(tmp_path), "--json")
    found = json.loads(ran.out)
    assert (ran.code, found["code"], found["evidence"]["file"]) == (1, "CheckpointDamaged", HEAD)


@pytest.mark.parametrize("place", ["nowhere", "s3://", "file.txt"])
def test_what_is_no_folder_and_no_uri_is_a_mistake_of_usage(run: Run, tmp_path: Path, place: str) -> None:
    written(tmp_path, {"file.txt": b"x"})
    ran = run("verify", place if place.startswith("s3") else str(tmp_path / place))
    assert ran.code == 2
    assert "s3://" in ran.err


def test_a_name_that_looks_like_markup_is_printed_as_it_is(run: Run, tmp_path: Path) -> None:
    ran = run("verify", str(written(tmp_path, {"[bold]": b"x", "[": b"y"})))
    assert ran.code == 1
    assert "these files: [, [bold]." in ran.err or "these files: [bold], [." in ran.err


def test_a_link_that_leads_out_is_not_followed_and_one_that_stays_is(tmp_path: Path) -> None:
    outside = written(tmp_path / "outside", model())
    inside = written(
        tmp_path / "inside", {f"real/{path}": content for path, content in model().items() if path != "config.json"}
    )
    for name in model():
        (inside / name).symlink_to(inside / "real" / name if name != "config.json" else outside / name)
    with pytest.raises(Refused) as raised:
        checkpoints.verify(inside)
    assert raised.value.failure.why == "`config.json`: it is a link that leads out of the folder."
    (inside / "config.json").unlink()
    (inside / "real" / "config.json").write_bytes(model()["config.json"])
    (inside / "config.json").symlink_to("real/config.json")
    assert checkpoints.verify(inside).shape == "hugging-face"


def test_a_snapshot_of_the_hugging_face_cache_is_made_of_links_and_is_read(tmp_path: Path) -> None:
    blobs = written(tmp_path / "models--acme--tiny" / "blobs", model())
    snapshot = tmp_path / "models--acme--tiny" / "snapshots" / "4b1f0c9d"
    snapshot.mkdir(parents=True)
    for name in model():
        (snapshot / name).symlink_to(os.path.relpath(blobs / name, snapshot))
    assert checkpoints.verify(snapshot).parameters == 104


def test_pipes_loops_and_names_without_a_spelling_are_left_out(tmp_path: Path) -> None:
    folder = written(tmp_path, {path: content for path, content in model().items() if path != "config.json"})
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "config.json")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.safetensors")).write_bytes(b"x")
    with pytest.raises(Refused) as raised:
        checkpoints.verify(folder)
    assert raised.value.failure.why == "`config.json`: it is no regular file."


def test_a_marker_beside_the_folder_says_that_it_is_unfinished(run: Run, tmp_path: Path) -> None:
    written(tmp_path, {**below("step=9/", nemo()), "step=9-unfinished": b""})
    ran = run("verify", str(tmp_path / "step=9"))
    assert ran.code == 1
    assert ran.err.startswith("CheckpointUnfinished")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[boto3.Session, Counter[str]]]:
    """An S3 that counts what it is asked."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        session = boto3.Session(region_name="us-east-1")
        session.client("s3").create_bucket(Bucket=BUCKET)
        counted: Counter[str] = Counter()

        def count(model: Any, **_: Any) -> None:
            counted[model.name] += 1

        session.events.register("before-call.s3", count)
        yield session, counted


def in_s3(files: Files) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    for path, content in files.items():
        s3.put_object(Bucket=BUCKET, Key=path, Body=content)


def many(shards: int) -> Files:
    files = {path: content for path, content in sharded().items() if not path.startswith("model")}
    one = sharded()[HEAD]
    names = [f"model-{n:05}-of-{shards:05}.safetensors" for n in range(1, shards + 1)]
    renamed = {name: one.replace(b"model.", f"m{n:04}.".encode()) for n, name in enumerate(names)}
    weights = {
        f"m{n:04}.{rest}": name
        for n, name in enumerate(names)
        for rest in ("embed_tokens.weight", "layers.0.weight", "layers.1.weight")
    }
    return {**files, **renamed, "model.safetensors.index.json": json.dumps({"weight_map": weights}).encode()}


def test_in_s3_there_are_at_most_three_requests_beside_one_per_shard(asked: tuple[boto3.Session, Counter[str]]) -> None:
    session, counted = asked
    in_s3(below("runs/zoo/1/model/", many(40)))
    told: list[tuple[int, int]] = []
    found = checkpoints.verify(
        f"s3://{BUCKET}/runs/zoo/1/model/", lambda done, total: told.append((done, total)), session
    )
    assert (found.tensors, found.uri, found.path) == (120, f"s3://{BUCKET}/runs/zoo/1/model/", "")
    assert told[-1] == (40, 40)
    assert counted == {"ListObjectsV2": 1, "GetObject": 42}


@pytest.mark.parametrize("files", [adapter(), model(), dcp()])
def test_small_ones_in_s3_cost_no_more(asked: tuple[boto3.Session, Counter[str]], files: Files) -> None:
    session, counted = asked
    in_s3(below("m/", files))
    checkpoints.verify(f"s3://{BUCKET}/m", session=session)
    assert sum(counted.values()) <= sum(path.endswith((".safetensors", ".distcp")) for path in files) + 3


def test_a_prefix_ends_where_its_folder_ends(asked: tuple[boto3.Session, Counter[str]]) -> None:
    session, _ = asked
    in_s3({**below("m/", adapter()), **below("m2/", model())})
    assert checkpoints.verify(f"s3://{BUCKET}/m", session=session).shape == "peft"


def test_a_marker_beside_a_prefix_says_that_it_is_unfinished(asked: tuple[boto3.Session, Counter[str]]) -> None:
    session, _ = asked
    in_s3({**below("step=9/", nemo()), "step=9-unfinished": b""})
    with pytest.raises(Refused) as raised:
        checkpoints.verify(f"s3://{BUCKET}/step=9", session=session)
    assert raised.value.failure.code == "CheckpointUnfinished"


def test_an_empty_prefix_and_a_bucket_that_is_not_there_are_answered_in_words(
    run: Run, asked: tuple[boto3.Session, Counter[str]]
) -> None:
    ran = run("verify", f"s3://{BUCKET}/nothing")
    assert (ran.code, "There is no file." in ran.err) == (1, True)
    ran = run("verify", "s3://no-such-bucket/x")
    assert (ran.code, "NoSuchBucket" in ran.err) == (1, True)
