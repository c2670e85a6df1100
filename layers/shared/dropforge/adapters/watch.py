"""One look at a cluster: what runs wait for there, what has moved, what is over.

A look lists each kind in pages, so its cost follows the number of open waits and not
their age. A lock row keeps two looks at one cluster apart; it expires by itself when a look dies.
"""

import csv
import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from botocore.exceptions import ClientError

from dropforge import naming
from dropforge.adapters import (
    clock,
    cluster,
    connections,
    file_system_turns,
    filesystem,
    follow,
    machine,
    metrics,
    parameters,
    settings,
    waits,
)
from dropforge.adapters.connections import Connection
from dropforge.adapters.each import each
from dropforge.adapters.filesystem import TaskState
from dropforge.domain import observed
from dropforge.domain.failures import Evidence, failure
from dropforge.domain.inputs import Watched
from dropforge.domain.measures import Measure, of_waits
from dropforge.domain.runs import Trouble, Wait
from dropforge.domain.waiting import copies_too_long, managed
from dropforge.errors import Problem

BEYOND = 1.1  # a look's lock outlives the function by this much, so two looks never overlap


def busy_clusters() -> list[str]:
    """Return the clusters on which anything is waited for: with no run open there is nothing to hand out."""
    return [name for name in waits.watched_clusters() if waits.any_of_cluster(name)]


def look(name: str, asked_at: str) -> Watched:
    """Look once at everything that runs wait for on a cluster. `asked_at` is when the tick handed it out."""
    owner = uuid.uuid4().hex
    if not waits.begin_watch(name, owner, int(clock.now().timestamp()), round(settings.watch_seconds() * BEYOND)):
        return Watched()
    before: Trouble | None = None
    try:
        before = waits.trouble(name)
        waiting = waits.of_cluster(name)
        tasks = [wait for wait in waiting if wait.kind == "file-system-task"]
        begun = [wait for wait in tasks if wait.reference]
        jobs = [wait for wait in waiting if wait.kind == "job"]
        looks = [partial(_look_at_tasks, begun), partial(_begin_next, tasks), partial(_look_at_teams, name, jobs)]
        answered = sum(each(looks, lambda look: look()))
        if before is not None:
            waits.end_trouble(name)
        metrics.emit(_lag(asked_at), *of_waits(waiting))
    except ExceptionGroup as failed:
        _record_trouble(name, before, failed)
        metrics.emit(_lag(before.since if before else asked_at))
        raise
    finally:
        waits.end_watch(name, owner)
    return Watched(waits=len(waiting), answered=answered)


def _lag(since: str) -> Measure:
    """Return for how long nobody has seen the cluster: since the tick, or since looks began to fail."""
    return Measure("WatchLag", max(0.0, (clock.now() - datetime.fromisoformat(since)).total_seconds()))


def _record_trouble(name: str, before: Trouble | None, failed: ExceptionGroup[Exception]) -> None:
    """Note that the cluster could not be looked at, for those who ask where their run is. What fails for one job alone is its own."""
    found = next((one.failure for one in _leaves(failed) if isinstance(one, Problem) and _is_the_clusters(one)), None)
    if found is not None:
        waits.record_trouble(name, Trouble(since=before.since if before else clock.stamp(), failure=found))


def _leaves(failed: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for one in failed.exceptions:
        if isinstance(one, ExceptionGroup):
            yield from _leaves(one)
        else:
            yield one


def _is_the_clusters(problem: Problem) -> bool:
    return problem.failure.code.startswith("Cluster")


def _look_at_tasks(waiting: list[Wait]) -> int:
    """Follow what file systems do."""
    states = filesystem.read_tasks([wait.reference for wait in waiting]) if waiting else {}
    return sum(each(waiting, lambda wait: _follow_task(wait, states.get(wait.reference))))


def _begin_next(waiting: list[Wait]) -> int:
    """Let file systems begin what comes next; nothing is answered by that."""
    file_system_turns.go_on(waiting)
    return 0


def _follow_task(wait: Wait, state: TaskState | None) -> bool:
    if state is None:
        unknown = failure("FileSystemTaskFailed", "FSx no longer knows the task.", {"task": wait.reference})
        machine.fail(wait.token, unknown)
        waits.end(wait)
        return True
    if state.phase == "running":
        return copies_too_long(wait, clock.now()) and _end_copy(wait)
    evidence: Evidence = {"task": state.id, "files": state.total, "failed": state.failed}
    if state.phase == "succeeded" and state.failed == 0:
        machine.succeed(wait.token, json.dumps(evidence))
    else:
        why = state.message or f"{state.failed} of {state.total} files failed."
        named = _failed_files(state) if state.failed else {}
        machine.fail(wait.token, failure("FileSystemTaskFailed", why, {**evidence, **named}))
    waits.end(wait)
    return True


def _end_copy(wait: Wait) -> bool:
    """Cancel a copy that takes too long: others wait for the file system behind it."""
    filesystem.cancel(wait.reference)
    why = f"The file system has copied since {wait.begun_at}, longer than {wait.deadline_seconds // 3600} hours."
    machine.fail(wait.token, failure("FileSystemTaskFailed", why, {"task": wait.reference}))
    waits.end(wait)
    return True


def _failed_files(state: TaskState) -> Evidence:
    """Return which files failed, or why nobody can say: a report that is not readable must not keep the run, and those behind it, waiting."""
    try:
        return {"failed_files": list(filesystem.failed_files(state))}
    except (ClientError, csv.Error) as error:
        return {"report": state.report, "report_unreadable": str(error)[:300]}


def _look_at_teams(name: str, waiting: list[Wait]) -> int:
    if not waiting:
        return 0
    connection = connections.connect(parameters.cluster(name), "reader")
    teams = sorted({wait.team for wait in waiting})
    return sum(each(teams, lambda team: _look_at_team(connection, team, [w for w in waiting if w.team == team])))


def _look_at_team(connection: Connection, team: str, waiting: list[Wait]) -> int:
    namespace = naming.namespace(team)
    names = {wait.name for wait in waiting}
    states = observed.states(cluster.list_jobs(connection, namespace, managed(settings.environment())), names)
    queueing = observed.queueing(cluster.list_workloads(connection, namespace), names)
    seen = follow.Seen(connection, namespace, states, queueing)
    return sum(each(waiting, partial(follow.follow, seen)))
