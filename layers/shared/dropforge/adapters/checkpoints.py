"""Promoted checkpoints in the models bucket, read by ranges."""

from dropforge.adapters import ledger, settings, storage
from dropforge.domain.checkpoints import Checkpoint, Verified, verify
from dropforge.domain.evaluations import read_evaluation
from dropforge.domain.jobs import JobResult
from dropforge.domain.plans import model_folder
from dropforge.domain.runs import Run
from dropforge.errors import WorkloadFailed


def verify_promoted(run: Run, jobs: tuple[JobResult, ...]) -> Checkpoint:
    """Open what a run's attempt has promoted. Raises WorkloadFailed (CheckpointRejected) naming what is wrong.

    The digest that the verify job reported from FSx must be the one that arrived in S3.
    """
    checkpoint = _verify(run, run.attempt, _reported_digest(jobs))
    measured = {"evaluation": read_evaluation(job.message for job in jobs), "incumbent": ledger.incumbent_of(run)}
    verified = Verified.model_validate({"attempt": run.attempt, "checkpoint": checkpoint, **measured})
    ledger.record_verified(run.id, verified)
    return checkpoint


def verify_again(run: Run) -> Checkpoint | None:
    """Open what an earlier attempt of a run has promoted. None when nothing was, or when it is not whole any more: then it must be made anew."""
    verified = ledger.verified(run.id)
    if verified is None:
        return None
    try:
        return _verify(run, verified.attempt, verified.checkpoint.digest)
    except WorkloadFailed:
        return None


def _verify(run: Run, attempt: int, digest: str | None) -> Checkpoint:
    bucket = settings.models_bucket()
    prefix = model_folder(run.project, run.id, attempt) + "/"
    sizes = storage.sizes(bucket, prefix)

    def read(path: str, offset: int, length: int) -> bytes:
        return storage.read_range(bucket, prefix + path, offset, length)

    return verify(f"s3://{bucket}/{prefix}", sizes, read, digest)


def _reported_digest(jobs: tuple[JobResult, ...]) -> str | None:
    reported = [job.message["manifest_sha256"] for job in jobs if "manifest_sha256" in job.message]
    return str(reported[-1]) if reported else None
