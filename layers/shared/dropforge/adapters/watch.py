"""One look at a cluster: what runs wait for there, what has moved, what is over.

A look lists each kind in pages, so its cost follows the number of open waits and not
their age. A lock row keeps two looks at one cluster apart; it expires by itself when a look dies.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from dropforge import naming
from dropforge.adapters import aws, bus, clock, cluster, filesystem, ledger, machine, parameters, settings, storage
from dropforge.adapters.cluster import Connection
from dropforge.adapters.filesystem import TaskState
from dropforge.domain.events import RunQueued, RunStarted
from dropforge.domain.failures import Evidence, Failure, failure
from dropforge.domain.inputs import Watched
from dropforge.domain.jobs import (
    JobResult,
    JobState,
    ObservedJob,
    explain_failure,
    read_progress,
    read_termination,
    succeeded,
)
from dropforge.domain.runs import Progress, Wait
from dropforge.domain.waiting import GRACE_SECONDS
from dropforge.domain.workloads import Reasons, read_reasons

WATCH_SECONDS = 130  # longer than the function may run, so two looks never overlap
PROGRESS_LINES = 60

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class Seen(NamedTuple):
    """What one look has read of a team's namespace."""

    connection: Connection
    namespace: str
    states: dict[str, JobState]
    reasons: Reasons


def hand_out(name: str) -> None:
    """Have another invocation look at one cluster, so that an unreachable one stalls nobody else."""
    payload = json.dumps({"cluster": name}).encode()
    function = naming.function(settings.environment(), "watch_jobs")
    aws.functions().invoke(FunctionName=function, InvocationType="Event", Payload=payload)


def look(name: str) -> Watched:
    """Look once at everything that runs wait for on a cluster."""
    owner = uuid.uuid4().hex
    if not ledger.begin_watch(name, owner, int(clock.now().timestamp()), WATCH_SECONDS):
        return Watched()
    try:
        waits = ledger.waits(name)
        tasks = [wait for wait in waits if wait.kind == "file-system-task" and wait.reference]
        jobs = [wait for wait in waits if wait.kind == "job"]
        looks = [partial(_look_at_tasks, tasks), partial(_look_at_teams, name, jobs)]
        answered = sum(_each(looks, lambda look: look()))
    finally:
        ledger.end_watch(name, owner)
    return Watched(waits=len(waits), answered=answered)


def _look_at_tasks(waits: list[Wait]) -> int:
    states = filesystem.read_tasks([wait.reference for wait in waits]) if waits else {}
    return sum(_each(waits, lambda wait: _follow_task(wait, states.get(wait.reference))))


def _follow_task(wait: Wait, state: TaskState | None) -> bool:
    if state is None:
        unknown = failure("FileSystemTaskFailed", "FSx no longer knows the task.", {"task": wait.reference})
        machine.fail(wait.token, unknown)
        ledger.end_wait(wait)
        return True
    if state.phase == "running":
        return False
    evidence: Evidence = {"task": state.id, "files": state.total, "failed": state.failed}
    if state.phase == "succeeded" and state.failed == 0:
        machine.succeed(wait.token, json.dumps(evidence))
    else:
        why = state.message or f"{state.failed} of {state.total} files failed."
        machine.fail(wait.token, failure("FileSystemTaskFailed", why, evidence))
    ledger.end_wait(wait)
    return True


def _look_at_teams(name: str, waits: list[Wait]) -> int:
    if not waits:
        return 0
    connection = cluster.connect(parameters.cluster(name), "reader")
    teams = sorted({wait.team for wait in waits})
    return sum(_each(teams, lambda team: _look_at_team(connection, team, [w for w in waits if w.team == team])))


def _look_at_team(connection: Connection, team: str, waits: list[Wait]) -> int:
    namespace = naming.namespace(team)
    selector = f"app.kubernetes.io/managed-by={naming.MANAGER}"
    listed = (ObservedJob.model_validate(job).state() for job in cluster.list_jobs(connection, namespace, selector))
    seen = Seen(connection, namespace, {state.name: state for state in listed}, _reasons(connection, namespace))
    return sum(_each(waits, partial(_follow_job, seen)))


def _reasons(connection: Connection, namespace: str) -> Reasons:
    return read_reasons(cluster.list_workloads(connection, namespace))


def _each(things: Sequence[Thing], follow: Callable[[Thing], Result]) -> list[Result]:
    """Follow everything, also when one fails: a wait or a team that cannot be followed must not stall the others."""
    results: list[Result] = []
    failed: list[Exception] = []
    for thing in things:
        try:
            results.append(follow(thing))
        except Exception as error:  # noqa: BLE001  collected, and raised once everybody has had their turn
            failed.append(error)
    if failed:
        raise ExceptionGroup(f"{len(failed)} of {len(things)} could not be followed", failed)
    return results


def _follow_job(seen: Seen, wait: Wait) -> bool:
    state = seen.states.get(wait.name)
    return _vanished(wait) if state is None else _follow(seen.connection, seen.namespace, wait, state, seen.reasons)


def _vanished(wait: Wait) -> bool:
    """Give a job that cannot be seen some grace (its wait is written first), then say that it is gone."""
    now = int(clock.now().timestamp())
    if wait.missing_since is None:
        ledger.update_wait(wait.model_copy(update={"missing_since": str(now)}))
        return False
    if now - int(wait.missing_since) < GRACE_SECONDS:
        return False
    why = f"Job `{wait.name}` cannot be found since {now - int(wait.missing_since)} seconds."
    machine.fail(wait.token, failure("JobVanished", why, {"job": wait.name}))
    ledger.end_wait(wait)
    return True


def _follow(connection: Connection, namespace: str, wait: Wait, state: JobState, reasons: Reasons) -> bool:
    if state.phase in ("succeeded", "failed"):
        _finish(connection, namespace, wait, state)
        return True
    reason = reasons.get(wait.name, "")
    if wait.phase != state.phase or wait.missing_since is not None:
        ledger.update_wait(wait.model_copy(update={"phase": state.phase, "missing_since": None}))
        _announce(wait, state, reason)
    progress = Progress(step=wait.step, job=wait.name, phase=state.phase, reason=reason, at=clock.stamp())
    if state.phase == "running":
        progress = read_progress(progress, wait.progress, _newest_lines(connection, namespace, wait.name))
    ledger.record_progress(wait.run_id, progress)
    return False


def _announce(wait: Wait, state: JobState, reason: str) -> None:
    if state.phase == "running":
        bus.announce(RunStarted(project=wait.project, run_id=wait.run_id, attempt=wait.attempt, step=wait.step))
    elif reason:
        bus.announce(
            RunQueued(project=wait.project, run_id=wait.run_id, attempt=wait.attempt, step=wait.step, reason=reason)
        )


def _newest_lines(connection: Connection, namespace: str, job: str) -> list[str]:
    found: list[dict[str, Any]] = cluster.pods(connection, namespace, f"batch.kubernetes.io/job-name={job}")
    return cluster.log(connection, namespace, found[-1]["metadata"]["name"], PROGRESS_LINES) if found else []


def _finish(connection: Connection, namespace: str, wait: Wait, state: JobState) -> None:
    """Keep the log, then answer the token: what is answered first could be read before its evidence exists."""
    ended = cluster.terminated(connection, namespace, wait.name)
    lines = tuple(cluster.log(connection, namespace, ended.pod, 10_000)) if ended else ()
    uri = _keep_log(wait, lines)
    termination = read_termination(ended.message) if ended else None
    progress = Progress(step=wait.step, job=wait.name, phase="done", at=clock.stamp())
    ledger.record_progress(wait.run_id, read_progress(progress, wait.progress, list(lines)))
    if state.phase == "succeeded" and ended is not None and succeeded(termination):
        result = JobResult(step=wait.step, job=wait.name, log_uri=uri, message=json.loads(ended.message))
        machine.succeed(wait.token, result.model_dump_json())
    else:
        machine.fail(wait.token, _cause(state, explain_failure(state, termination, lines, uri)))
    ledger.end_wait(wait)


def _cause(state: JobState, found: Failure) -> Failure:
    if state.phase == "failed":
        return found
    return found.model_copy(
        update={"why": "The job ended with status 0 but left no message that it had done its work."}
    )


def _keep_log(wait: Wait, lines: tuple[str, ...]) -> str:
    key = f"logs/{wait.project}/{wait.run_id}/{wait.attempt}/{wait.step}.log"
    return storage.write_text(settings.models_bucket(), key, "\n".join((*lines, "")))
