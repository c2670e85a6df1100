"""Verify a promoted checkpoint: open it in S3 and check that it is whole."""

from dropforge.adapters import checkpoints, timeline
from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.events import CheckpointVerified
from dropforge.domain.inputs import ToVerify
from dropforge.task import task


@task
def handler(to_verify: ToVerify) -> Checkpoint:
    run = to_verify.run
    checkpoint = checkpoints.verify_promoted(run, to_verify.jobs)
    verified = CheckpointVerified(project=run.project, run_id=run.id, uri=checkpoint.uri, digest=checkpoint.digest)
    timeline.tell_of_run(run.id, verified)
    return checkpoint
