"""Promoted checkpoints in the models bucket, read by ranges."""

from dropforge.adapters import settings, storage
from dropforge.domain.checkpoints import Checkpoint, verify
from dropforge.domain.jobs import JobResult
from dropforge.domain.plans import model_folder
from dropforge.domain.runs import Run


def verify_promoted(run: Run, jobs: tuple[JobResult, ...]) -> Checkpoint:
    """Open what a run's attempt has promoted. Raises WorkloadFailed (CheckpointRejected) naming what is wrong.

    The digest that the verify job reported from FSx must be the one that arrived in S3.
    """
    bucket = settings.models_bucket()
    prefix = model_folder(run.project, run.id, run.attempt) + "/"
    sizes = storage.sizes(bucket, prefix)

    def read(path: str, offset: int, length: int) -> bytes:
        return storage.read_range(bucket, prefix + path, offset, length)

    return verify(f"s3://{bucket}/{prefix}", sizes, read, _reported_digest(jobs))


def _reported_digest(jobs: tuple[JobResult, ...]) -> str | None:
    reported = [job.message["manifest_sha256"] for job in jobs if "manifest_sha256" in job.message]
    return str(reported[-1]) if reported else None
