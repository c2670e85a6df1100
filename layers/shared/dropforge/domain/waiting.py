"""What a run waits for, and what the watcher makes of what it sees. A wait ends in a result or a failure, never in silence."""

from collections.abc import Iterable
from datetime import datetime

from dropforge import naming
from dropforge.domain.clusters import WaitKind
from dropforge.domain.file_systems import COPY_HOURS, FileSystemTask
from dropforge.domain.plans import Plan, PlannedStep
from dropforge.domain.runs import COPIES, Run, Wait

DEADLINE_GRACE_SECONDS = 120  # a job that ends itself is heard of this much later at most
GRACE_SECONDS = 180  # a job may be invisible this long after its wait was written: the write comes first


def for_job(run: Run, plan: Plan, step: PlannedStep, token: str) -> Wait:
    """Return the wait for a step's job, with all that the watcher must know to judge it."""
    update = {"progress": plan.progress, "deadline_seconds": step.deadline_seconds, "stuck": plan.stuck}
    return _wait(run, step.name, "job", token).model_copy(update=update)


def for_task(run: Run, task: FileSystemTask, token: str, asked_at: str) -> Wait:
    """Return the wait for a file system task; its name is also the task's client token, so it starts once."""
    wait = _wait(run, task.kind, "file-system-task", token)
    return wait.model_copy(update={"task": task, "asked_at": asked_at, "deadline_seconds": COPY_HOURS * 3600})


def tasks_of(run: Run) -> set[str]:
    """Return the names of everything that an attempt may have asked its file system for."""
    return {naming.job(run.id, run.attempt, step) for step in COPIES}


def in_line(waiting: Iterable[Wait], file_system: str) -> list[Wait]:
    """Return those whose task a file system has not begun yet, the one that asked first in front."""
    asking = [w for w in waiting if w.task is not None and w.task.file_system == file_system and not w.reference]
    return sorted(asking, key=lambda wait: (wait.asked_at, wait.name))


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


def overdue(wait: Wait, admitted_at: datetime | None, now: datetime) -> float | None:
    """Return for how many seconds a job has run beyond its deadline, counted from its admission; None while it has not.

    Jobs end themselves at their deadline; this is for one that does not, and for kinds that have none.
    """
    if admitted_at is None or not wait.deadline_seconds:
        return None
    late = (now - admitted_at).total_seconds() - wait.deadline_seconds
    return late if late > DEADLINE_GRACE_SECONDS else None


def copies_too_long(wait: Wait, now: datetime) -> bool:
    """Whether a file system copies for a wait beyond its deadline, counted from when it began."""
    return bool(wait.begun_at) and (now - datetime.fromisoformat(wait.begun_at)).total_seconds() > wait.deadline_seconds


def managed(environment: str) -> str:
    """Return the label selector of every job of an environment: others may share the cluster, and even the namespace."""
    return f"app.kubernetes.io/managed-by={naming.MANAGER},{naming.label('environment')}={environment}"


def selector(run_id: str, attempt: int) -> str:
    """Return the label selector of everything that an attempt has on a cluster."""
    return f"{naming.label('run')}={run_id},{naming.label('attempt')}={attempt}"
