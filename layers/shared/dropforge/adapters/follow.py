"""Following one job: nothing is written or said unless something has changed since the last look."""

import json
from typing import Any, NamedTuple

from dropforge.adapters import bus, clock, cluster, file_system_room, logs, machine, timeline, waits
from dropforge.adapters.connections import Connection
from dropforge.domain.events import Announcement, RunEvicted, RunProgressed, RunQueued, RunStarted
from dropforge.domain.failures import Failure, failure
from dropforge.domain.file_systems import read_room
from dropforge.domain.jobs import LOG_LINES, JobResult, JobState, explain_failure, read_termination, succeeded
from dropforge.domain.observed import Queued, Queueing
from dropforge.domain.progress import Line, Stall, find_stall, read_line, read_progress
from dropforge.domain.runs import Progress, Wait
from dropforge.domain.waiting import GRACE_SECONDS, overdue

LINE = 400  # characters of a line that a row of the ledger and an answer keep; the log itself is whole
NEWEST = 60  # lines of a running job's log that a look reads


class Seen(NamedTuple):
    """What one look has read of a team's namespace."""

    connection: Connection
    namespace: str
    states: dict[str, JobState]
    queueing: Queueing


def follow(seen: Seen, wait: Wait) -> bool:
    """Follow the job that a state waits for. Returns whether its token was answered."""
    state = seen.states.get(wait.name)
    if state is None:
        return _vanished(wait)
    if state.phase in ("succeeded", "failed"):
        return _finish(seen, wait, state)
    queued = seen.queueing.get(wait.name, Queued())
    late = overdue(wait, queued.admitted_at, clock.now())
    if late is not None:
        why = f"It has run for {wait.deadline_seconds + int(late)} seconds; its deadline is {wait.deadline_seconds}."
        return _give_up(seen, wait, failure("JobDeadlineExceeded", why, {"job": wait.name}))
    return _run_on(seen, wait, state) if state.phase == "running" else _queue_on(wait, queued)


def _vanished(wait: Wait) -> bool:
    """Give a job that cannot be seen some grace (its wait is written first), then say that it is gone."""
    now = int(clock.now().timestamp())
    if wait.missing_since is None:
        waits.update(wait.model_copy(update={"missing_since": str(now)}))
        return False
    if now - int(wait.missing_since) < GRACE_SECONDS:
        return False
    why = f"Job `{wait.name}` cannot be found since {now - int(wait.missing_since)} seconds."
    machine.fail(wait.token, failure("JobVanished", why, {"job": wait.name}))
    waits.end(wait)
    return True


def _queue_on(wait: Wait, queued: Queued) -> bool:
    """Note that a job waits, and tell why, once for each reason. It is told first: a look that dies tells it again."""
    reason = queued.evicted or queued.reason
    if (wait.phase, wait.reason, wait.missing_since) == ("queued", reason, None):
        return False
    if wait.phase == "running":
        _tell(wait, RunEvicted.model_validate({**_who(wait), "reason": reason, "evicted_at": queued.evicted_at}))
    elif reason:
        _tell(wait, RunQueued.model_validate({**_who(wait), "reason": reason}))
    waits.record_progress(wait.run_id, _progress(wait, "queued", reason))
    waits.update(wait.model_copy(update={"phase": "queued", "reason": reason, "missing_since": None}))
    return False


def _run_on(seen: Seen, wait: Wait, state: JobState) -> bool:
    lines = _newest_lines(seen, wait.name)
    stall = find_stall(wait.progress, lines, wait.stuck, clock.now().timestamp())
    if stall is not None:
        return _give_up(seen, wait, _stuck(wait, stall))
    texts = [line.text for line in lines]
    progress = read_progress(_progress(wait, "running", ""), wait.progress, texts)
    if (wait.phase, wait.done, wait.missing_since) == ("running", progress.done, None):
        return False
    if wait.phase != "running":
        _tell_started(wait, state)
    if progress.done is not None and progress.done != wait.done:
        bus.announce(_progressed(wait, progress))
    waits.record_progress(wait.run_id, progress.model_copy(update={"tail": tuple(text[:LINE] for text in texts[-20:])}))
    update = {"phase": "running", "reason": "", "done": progress.done, "missing_since": None}
    waits.update(wait.model_copy(update=update))
    return False


def _who(wait: Wait) -> dict[str, object]:
    return {"project": wait.project, "run_id": wait.run_id, "attempt": wait.attempt, "step": wait.step}


def _tell(wait: Wait, announcement: Announcement) -> None:
    timeline.tell_of_run(wait.run_id, announcement)


def _tell_started(wait: Wait, state: JobState) -> None:
    _tell(wait, RunStarted.model_validate({**_who(wait), "started_at": state.started_at}))


def _progressed(wait: Wait, progress: Progress) -> RunProgressed:
    numbers = {"done": progress.done, "total": progress.total, "loss": progress.loss, "rate": progress.rate}
    return RunProgressed.model_validate({**_who(wait), **numbers})


def _progress(wait: Wait, phase: str, reason: str) -> Progress:
    known = {"step": wait.step, "job": wait.name, "phase": phase, "reason": reason, "at": clock.stamp()}
    return Progress.model_validate(known)


def _newest_lines(seen: Seen, job: str) -> list[Line]:
    pod = _newest_pod(seen, job)
    if pod is None:
        return []
    return [read_line(raw) for raw in cluster.log(seen.connection, seen.namespace, pod, NEWEST, timed=True)]


def _newest_pod(seen: Seen, job: str) -> str | None:
    found = cluster.pods(seen.connection, seen.namespace, f"batch.kubernetes.io/job-name={job}")
    return str(max(found, key=_age)["metadata"]["name"]) if found else None


def _age(pod: dict[str, Any]) -> str:
    return str(pod["metadata"].get("creationTimestamp", ""))


def _stuck(wait: Wait, stall: Stall) -> Failure:
    why = f"No step for {stall.silent:.0f} seconds; a step usually takes {stall.pace:.1f}."
    return failure("JobStuck", why, {"job": wait.name, "silent_seconds": int(stall.silent), "last_line": stall.last})


def _give_up(seen: Seen, wait: Wait, found: Failure) -> bool:
    """End a job that does not end by itself: its log is kept now; ReportFailure deletes it."""
    pod = _newest_pod(seen, wait.name)
    lines = cluster.log(seen.connection, seen.namespace, pod, logs.LINES) if pod is not None else []
    uri = _keep_log(wait, lines)
    evidence = {**found.evidence, "log_uri": uri}
    machine.fail(wait.token, found.model_copy(update={"evidence": evidence, "log": tuple(lines[-LOG_LINES:])}))
    waits.end(wait)
    return True


def _finish(seen: Seen, wait: Wait, state: JobState) -> bool:
    """Keep the log, then answer the token: what is answered first could be read before its evidence exists."""
    if wait.phase != "running" and state.started_at:  # it started and ended between two looks
        _tell_started(wait, state)
    ended = cluster.terminated(seen.connection, seen.namespace, wait.name)
    lines = cluster.log(seen.connection, seen.namespace, ended.pod, logs.LINES) if ended else []
    uri = _keep_log(wait, lines)
    termination = read_termination(ended.message) if ended else None
    waits.record_progress(wait.run_id, read_progress(_progress(wait, "done", ""), wait.progress, lines))
    if state.phase == "succeeded" and ended is not None and succeeded(termination):
        result = JobResult(step=wait.step, job=wait.name, log_uri=uri, message=json.loads(ended.message))
        machine.succeed(wait.token, result.model_dump_json())
    else:
        machine.fail(wait.token, _cause(state, explain_failure(state, termination, tuple(lines), uri)))
    waits.end(wait)
    room = read_room(ended.message) if ended else None
    if room is not None:
        file_system_room.notice(wait.cluster, wait.project, room)
    return True


def _cause(state: JobState, found: Failure) -> Failure:
    if state.phase == "failed":
        return found
    return found.model_copy(
        update={"why": "The job ended with status 0 but left no message that it had done its work."}
    )


def _keep_log(wait: Wait, lines: list[str]) -> str:
    return logs.keep((wait.project, wait.run_id, wait.attempt, wait.step), lines)
