"""A promoted checkpoint in the models bucket, and what VerifyCheckpoint is asked about it."""

from dropforge.adapters import aws
from dropforge.domain.checkpoint_shapes.seal import MARKER
from dropforge.domain.jobs import JobResult
from dropforge.domain.plans import export_folder
from dropforge.domain.runs import Run

from tests.builders import planned
from tests.contracts.repository import Document
from tests.domain.test_promotions import Folder
from tests.functions.conftest import MODELS


def place(of: Run, folder: Folder) -> str:
    """Where it lies in the bucket."""
    return export_folder(of.project, folder.digest) + "/"


def promote(folder: Folder, of: Run) -> Folder:
    """As an export task leaves it: everything is there but the marker."""
    folder.seal()
    for path, content in folder.files.items():
        if path != MARKER:
            aws.s3().put_object(Bucket=MODELS, Key=place(of, folder) + path, Body=content)
    return folder


def to_verify(run: Run, digest: str) -> Document:
    told: dict[str, object] = {"step": "verify", "ok": True, "manifest_sha256": digest}
    job = JobResult(step="verify", job="j", log_uri="s3://logs/verify.log", message=told)
    return {
        "plan": planned().model_dump(mode="json"),
        "run": run.model_dump(mode="json"),
        "jobs": [job.model_dump(mode="json")],
    }
