"""Promoted checkpoints in the models bucket, read by ranges.

`exports/<project>/<digest>/` appears file by file while FSx for Lustre exports it. Its marker is written here, after everything was compared:
without it nobody takes the folder for a checkpoint.
"""

from dropforge.adapters import ledger, settings, storage
from dropforge.domain import promotions
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.seal import MARKER
from dropforge.domain.checkpoints import Checkpoint, Verified
from dropforge.domain.evaluations import read_evaluation
from dropforge.domain.jobs import JobResult
from dropforge.domain.plans import export_folder
from dropforge.domain.runs import Run
from dropforge.errors import WorkloadFailed


def verify_promoted(run: Run, jobs: tuple[JobResult, ...]) -> Checkpoint:
    """Open what a run's attempt has promoted, and finish its promotion. What arrived must be what the verify job reported from FSx.

    Raises WorkloadFailed (CheckpointRejected) naming what is wrong.
    """
    found = _Promoted(run, promotions.reported(jobs))
    checkpoint = found.verify()
    found.finish()
    measured = {"evaluation": read_evaluation(job.message for job in jobs), "incumbent": ledger.incumbent_of(run)}
    verified = Verified.model_validate({"attempt": run.attempt, "checkpoint": checkpoint, **measured})
    ledger.record_verified(run.id, verified)
    return checkpoint


def verify_again(run: Run) -> Checkpoint | None:
    """Open what an earlier attempt of a run has promoted. None when nothing was, or when it is not whole any more: then it must be made anew."""
    verified = ledger.verified(run.id)
    if verified is None:
        return None
    found = _Promoted(run, verified.checkpoint.digest)
    if not promotions.is_finished(found.folder, found.digest):
        return None
    try:
        return found.verify()
    except WorkloadFailed:
        return None


class _Promoted:
    """The objects of a promoted checkpoint, as one listing shows them."""

    def __init__(self, run: Run, digest: str) -> None:
        self.digest = digest
        self._bucket = settings.models_bucket()
        self._prefix = export_folder(run.project, digest) + "/"
        self._objects = storage.objects(self._bucket, self._prefix)
        self.folder = Folder({path: found.bytes for path, found in self._objects.items()}, self._read)

    def verify(self) -> Checkpoint:
        """Open and check it. Raises WorkloadFailed (CheckpointRejected)."""
        with_crc = [path for path, found in self._objects.items() if found.has_crc]
        crcs = {path: storage.crc64nvme(self._bucket, self._prefix + path) for path in with_crc}
        return promotions.verify(f"s3://{self._bucket}/{self._prefix}", self.folder, self.digest, crcs)

    def finish(self) -> None:
        """Write the marker."""
        storage.write_json(self._bucket, self._prefix + MARKER, {"manifest_sha256": self.digest})

    def _read(self, path: str, offset: int, length: int) -> bytes:
        return storage.read_range(self._bucket, self._prefix + path, offset, length)
