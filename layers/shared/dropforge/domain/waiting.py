"""What a run waits for, and what the watcher makes of what it sees. A wait ends in a result or a failure, never in silence."""

from typing import Literal

from dropforge import naming
from dropforge.domain.clusters import WaitKind
from dropforge.domain.runs import Run, Wait

GRACE_SECONDS = 180  # a job may be invisible this long after its wait was written: the write comes first


def for_job(run: Run, step: str, progress: str, token: str) -> Wait:
    """Return the wait for a step's job; `progress` is the pattern of its log lines."""
    return _wait(run, step, "job", token).model_copy(update={"progress": progress})


def for_task(run: Run, step: Literal["import", "export"], token: str) -> Wait:
    """Return the wait for a file system task; its name is also the task's client token, so it starts once."""
    return _wait(run, step, "file-system-task", token)


def _wait(run: Run, step: str, kind: WaitKind, token: str) -> Wait:
    return Wait(
        cluster=run.cluster,
        name=naming.job(run.id, run.attempt, step),
        kind=kind,
        run_id=run.id,
        attempt=run.attempt,
        step=step,
        project=run.project,
        team=run.team,
        token=token,
    )


def selector(run_id: str, attempt: int) -> str:
    """Return the label selector of everything that an attempt has on a cluster."""
    return f"{naming.label('run')}={run_id},{naming.label('attempt')}={attempt}"
