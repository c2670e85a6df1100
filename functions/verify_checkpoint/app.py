"""Verify a promoted checkpoint: open it in S3 and check that it is whole."""

from dropforge.adapters import bus, checkpoints
from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.events import CheckpointVerified
from dropforge.domain.inputs import ToVerify
from dropforge.task import task


@task
def handler(to_verify: ToVerify) -> Checkpoint:
    run = to_verify.run
    checkpoint = checkpoints.verify_promoted(run, to_verify.jobs)
    bus.announce(CheckpointVerified(project=run.project, run_id=run.id, uri=checkpoint.uri, digest=checkpoint.digest))
    return checkpoint
