"""A promoted checkpoint in the models bucket, and what VerifyCheckpoint is asked about it."""

from dropforge.adapters import aws
from dropforge.domain.jobs import JobResult
from dropforge.domain.plans import model_folder
from dropforge.domain.runs import Run

from tests.builders import planned
from tests.contracts.repository import Document
from tests.domain.test_checkpoints import Folder
from tests.functions.conftest import MODELS


def promote(folder: Folder, of: Run) -> Folder:
    folder.seal()
    prefix = model_folder(of.project, of.id, of.attempt) + "/"
    for path, content in folder.files.items():
        aws.s3().put_object(Bucket=MODELS, Key=prefix + path, Body=content)
    return folder


def to_verify(run: Run, digest: str) -> Document:
    told: dict[str, object] = {"step": "verify", "ok": True, "manifest_sha256": digest}
    job = JobResult(step="verify", job="j", log_uri="s3://logs/verify.log", message=told)
    return {
        "plan": planned().model_dump(mode="json"),
        "run": run.model_dump(mode="json"),
        "jobs": [job.model_dump(mode="json")],
    }
