"""VerifyCheckpoint: what lies in the models bucket is opened there, by ranges."""

from collections.abc import Callable

import pytest
from dropforge.adapters import aws
from dropforge.domain.jobs import JobResult
from dropforge.domain.plans import model_folder
from dropforge.errors import WorkloadFailed

from tests.builders import planned, run
from tests.contracts.repository import Document
from tests.domain.test_checkpoints import ADAPTER, Folder, adapter
from tests.functions.conftest import MODELS, Call

PREFIX = model_folder(run().project, run().id, run().attempt) + "/"


def promote(folder: Folder) -> Folder:
    folder.seal()
    for path, content in folder.files.items():
        aws.s3().put_object(Bucket=MODELS, Key=PREFIX + path, Body=content)
    return folder


def to_verify(digest: str) -> Document:
    told: dict[str, object] = {"step": "verify", "ok": True, "manifest_sha256": digest}
    job = JobResult(step="verify", job="j", log_uri="s3://logs/verify.log", message=told)
    return {
        "plan": planned().model_dump(mode="json"),
        "run": run().model_dump(mode="json"),
        "jobs": [job.model_dump(mode="json")],
    }


def test_a_whole_checkpoint_is_verified_where_it_lies_and_announced(
    call: Call, announced: Callable[[], list[tuple[str, Document]]]
) -> None:
    folder = promote(adapter())
    found = call("verify_checkpoint", to_verify(folder.digest))
    ((kind, detail),) = announced()
    assert (found["uri"], found["digest"], found["tensors"]) == (f"s3://{MODELS}/{PREFIX}", folder.digest, 2)
    assert (kind, detail["digest"], detail["uri"]) == ("CheckpointVerified", found["digest"], found["uri"])


def test_another_checkpoint_than_the_verify_job_read_is_refused(call: Call) -> None:
    promote(adapter())
    with pytest.raises(WorkloadFailed, match="the verify job read 000000000000"):
        call("verify_checkpoint", to_verify("0" * 64))


def test_a_file_that_was_not_promoted_is_named_and_nothing_is_announced(
    call: Call, announced: Callable[[], list[tuple[str, Document]]]
) -> None:
    folder = promote(adapter())
    aws.s3().delete_object(Bucket=MODELS, Key=PREFIX + ADAPTER)
    with pytest.raises(WorkloadFailed) as raised:
        call("verify_checkpoint", to_verify(folder.digest))
    assert raised.value.failure.evidence == {"file": ADAPTER}
    assert announced() == []
