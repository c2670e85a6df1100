"""Where a run is, why, whose move it is and what to do: one answer for every state, with what it was read from and how old that is.

What is surest comes first: a recorded end, then somebody's wish to stop it, then a cluster that nobody can see, then the queue's own words,
then the stage. Nothing is concluded from the absence of news but that there is none.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dropforge.domain.approvals import Approval
from dropforge.domain.catalogue import Whose
from dropforge.domain.failures import Failure
from dropforge.domain.journeys import Journey
from dropforge.domain.queue_reasons import meaning
from dropforge.domain.runs import Cancellation, Progress, Run, Trouble
from dropforge.domain.values import Value

NEWS_AFTER = timedelta(minutes=10)  # a job that is silent for longer is worth a look, though nothing is wrong yet
STAGES: dict[str, str] = {
    "RegisterDataset": "listing the files of the upload",
    "CheckRanges": "reading every row, in ranges side by side",
    "CheckDataset": "reading every row",
    "PlanRun": "deciding what to run and what it may cost",
    "AdmitRun": "claiming the run",
    "StageDataset": "bringing the dataset to the file system",
    "RunSteps": "handing the next job to the queue",
    "PromoteCheckpoint": "copying the checkpoint to S3",
    "VerifyCheckpoint": "opening the checkpoint in S3",
    "GateModel": "comparing the model's numbers with what is required",
    "RegisterModel": "registering the model",
    "RequestApproval": "asking for a yes or no to the model",
}
_ENDS = {"failed": "has failed", "rejected": "was rejected", "cancelled": "was cancelled"}


class Fact(Value):
    """One link of the evidence: who said what, and when (RFC 3339, empty where nobody recorded it)."""

    source: str
    said: str
    at: str = ""


class Explanation(Value):
    """The answer. `state` is one word for machines; `since` is when it became so, where that is known."""

    state: str
    where: str
    why: str
    whose: Whose
    next: str
    since: str = ""
    evidence: tuple[Fact, ...] = ()


def explain(journey: Journey, now: datetime) -> Explanation:
    """Return where a drop is, why, whose move it is and what to do, at `now` (with a time zone)."""
    found = _ended(journey) or _recalled(journey) or _going_on(journey, now)
    return found.model_copy(update={"evidence": tuple(_evidence(journey))})


def _ended(journey: Journey) -> Explanation | None:
    if journey.failure is not None:
        return _failed(journey, journey.failure)
    if journey.result is not None and journey.result.get("joined"):
        return _joined(journey.result)
    if journey.status != "SUCCEEDED":
        return None
    return _recalled(journey) or _succeeded(journey)


def _failed(journey: Journey, found: Failure) -> Explanation:
    run, arrival = journey.run, journey.arrival
    stage = next((s.name for s in journey.stages if s.status == "failed"), "")
    cancelled = found.code == "RunCancelled"
    state = "cancelled" if cancelled else "rejected" if arrival and arrival.status == "rejected" else "failed"
    where = f"{journey.name} {_ENDS[state]}{f' in {stage}' if stage else ''}"
    why = f"{found.what} {found.why}" if not cancelled else found.why
    since = (run.ended_at if run else None) or (arrival.at if arrival else "") or ""
    return Explanation(state=state, where=where, why=why, whose=found.whose, next=found.next, since=since)


def _recalled(journey: Journey) -> Explanation | None:
    """Return what a recall means for a run, None where there is none or somebody has asked for the run's end anyway."""
    run, recall = journey.run, journey.recall
    if run is None or recall is None or run.cancellation is not None or run.status in ("failed", "cancelled"):
        return None
    over = run.status == "succeeded"
    return Explanation(
        state="recalled",
        where=f"{journey.name} {'has succeeded' if over else 'goes on'}, and what it learned from is recalled",
        why=f"{recall.by} at {recall.at}: {recall.reason}",
        whose="you",
        next=f"Deploy nothing of it; `dropforge recall {recall.dataset_id} --lift` gives back what the recall took."
        if over
        else f"Cancel it: it will get no model. `dropforge cancel {run.id}`",
        since=recall.at,
    )


def _joined(result: dict[str, object]) -> Explanation:
    run = Run.model_validate(result["run"])
    ready = run.status == "succeeded"
    return Explanation(
        state="joined",
        where=f"this drop joined {run.label}, which {'has succeeded' if ready else 'is still running'}",
        why="The same content was dropped before in this project, so nothing is trained twice.",
        whose="you" if ready else "time",
        next=f"Use its model {run.model_arn}." if ready else f"Follow that run: `dropforge status {run.id} --wait`.",
        since=run.ended_at or run.started_at,
    )


def _awaiting(journey: Journey, approval: Approval) -> Explanation:
    return Explanation(
        state="awaiting approval",
        where=f"{journey.name} has succeeded, and its model waits for approval",
        why=f"An approver of the project decides, until {approval.expires_at}.",
        whose="an approver",
        next=f"An approver looks at it and decides: `dropforge approve {approval.run_id}`, or in SageMaker Studio.",
        since=approval.asked_at,
    )


def _succeeded(journey: Journey) -> Explanation:
    if journey.approval is not None and journey.approval.status == "pending":
        return _awaiting(journey, journey.approval)
    run, made = journey.run, journey.result or {}
    arn = str(made.get("arn") or (run.model_arn if run else "") or "")
    return Explanation(
        state="succeeded",
        where=f"{journey.name} has succeeded",
        why=f"Its checkpoint was opened in S3, found whole, and registered{f' as {arn}' if arn else ''}.",
        whose="you",
        next=_decided(journey.approval),
        since=(run.ended_at if run else None) or "",
    )


def _decided(approval: Approval | None) -> str:
    if approval is None:
        return "Look at the losses in `dropforge status`; an approver of the project decides on it with `dropforge approve`."
    said = f": {approval.reason}" if approval.reason else ""
    return f"Nothing: its model was {approval.status} by {approval.decided_by}{said}."


def _going_on(journey: Journey, now: datetime) -> Explanation:
    run, held = journey.own_run, journey.own_run or journey.own_arrival
    if held is not None and held.cancellation is not None:
        return _being_cancelled(journey, held.cancellation)
    if journey.status in ("FAILED", "TIMED_OUT", "ABORTED"):
        return _unrecorded(journey)
    if journey.trouble is not None and run is not None:
        return _unseen(journey, journey.trouble)
    if journey.progress is not None and run is not None and _tells_of(journey.progress, _stage(journey)):
        return _with_job(journey, journey.progress, now)
    return _in_stage(journey)


def _tells_of(progress: Progress, stage: str) -> bool:
    """Whether what is known of a job is of this stage: what copies have to say is only for whom they wait."""
    copies = {"StageDataset": "import", "PromoteCheckpoint": "export"}
    if stage in copies:
        return (progress.step, progress.phase) == (copies[stage], "queued")
    return stage == "RunSteps"


def _being_cancelled(journey: Journey, wish: Cancellation) -> Explanation:
    return Explanation(
        state="cancelling",
        where=f"{journey.name} is being cancelled",
        why=wish.failure().why,
        whose="time",
        next="Nothing: its jobs are being deleted; it ends when a look finds nothing of them left.",
        since=wish.at,
    )


def _unrecorded(journey: Journey) -> Explanation:
    return Explanation(
        state="ending",
        where=f"{journey.name} has ended ({journey.status}) and is being cleared up",
        why="Its jobs are being deleted and read as gone before the run counts as over.",
        whose="time",
        next="Nothing: look again in a minute. If it stays, the sweep takes it up within its interval.",
    )


def _unseen(journey: Journey, trouble: Trouble) -> Explanation:
    return Explanation(
        state="unseen",
        where=f"{journey.name} goes on, and its cluster cannot be seen",
        why=f"{trouble.failure.what} {trouble.failure.why}",
        whose=trouble.failure.whose,
        next=trouble.failure.next,
        since=trouble.since,
    )


def _with_job(journey: Journey, progress: Progress, now: datetime) -> Explanation:
    if progress.phase == "queued":
        return _queued(journey, progress)
    if progress.phase == "running":
        return _running(journey, progress, now)
    said = "is handed to the queue" if progress.phase == "new" else "is done; the next one follows"
    return Explanation(
        state="between jobs",
        where=f"{journey.name}: job {progress.step} {said}",
        why="The watcher looks at the cluster once a minute.",
        whose="time",
        next="Nothing: look again in a minute.",
        since=progress.at,
    )


def _queued(journey: Journey, progress: Progress) -> Explanation:
    said = meaning(progress.reason)
    if not progress.reason:
        said = said._replace(
            cause="The queue has not said why yet.", whose="time", next="Nothing: look again in a minute."
        )
    held = f" In front of it: {', '.join(journey.holders)}." if journey.holders and said.whose == "time" else ""
    evicted = progress.reason.startswith("Preempted")
    return Explanation(
        state="preempted" if evicted else "queued",
        where=f"{journey.name}: {_waiting(progress, evicted=evicted)}",
        why=said.cause + held,
        whose=said.whose,
        next=said.next,
        since=progress.at,
    )


def _waiting(progress: Progress, *, evicted: bool) -> str:
    if progress.is_copy:
        return f"its {progress.step} waits for the file system"
    return f"job {progress.step} {'was stopped and waits again' if evicted else 'waits in the queue'}"


def _running(journey: Journey, progress: Progress, now: datetime) -> Explanation:
    far = f", step {progress.done} of {progress.total}" if progress.done is not None else ""
    loss = f", loss {progress.loss:.4g}" if progress.loss is not None else ""
    silent = bool(progress.at) and now - datetime.fromisoformat(progress.at) > NEWS_AFTER
    return Explanation(
        state="running",
        where=f"{journey.name}: job {progress.step} runs{far}{loss}",
        why="It has said nothing new for a while." if silent else "It does its work.",
        whose="time",
        next="Read its newest lines: `dropforge logs`. A job that stays silent far beyond its usual pace is ended by itself."
        if silent
        else "Nothing: `dropforge status --wait` follows it.",
        since=progress.at,
    )


def _in_stage(journey: Journey) -> Explanation:
    stage = _stage(journey)
    if not stage:
        return Explanation(
            state="received",
            where=f"{journey.name} has arrived, and its execution has not begun",
            why="The event of an upload takes seconds, sometimes a minute.",
            whose="time",
            next="Nothing: if the event was lost, the sweep finds the upload and starts it.",
            since=journey.arrival.at if journey.arrival else "",
        )
    return Explanation(
        state="working",
        where=f"{journey.name} is in {stage}",
        why=f"Dropforge is {STAGES[stage]}.",
        whose="time",
        next="Nothing: `dropforge status --wait` follows it.",
    )


def _stage(journey: Journey) -> str:
    return next((s.name for s in reversed(journey.stages) if s.status == "running"), "")


def _evidence(journey: Journey) -> Iterator[Fact]:
    """Yield what the answer was read from, from the upload to the pod."""
    if journey.arrival is not None:
        upload = journey.arrival.upload
        said = f"s3://{upload.bucket}/{upload.key} (version {upload.version_id}): {journey.arrival.status}"
        yield Fact(source="upload", said=said, at=journey.arrival.at)
    stage = next((s for s in reversed(journey.stages) if s.status in ("running", "failed")), None)
    at = datetime.fromtimestamp(stage.started, UTC).isoformat() if stage and stage.started else ""
    yield Fact(
        source="execution", said=f"{journey.execution}: {journey.status}{f' in {stage.name}' if stage else ''}", at=at
    )
    if journey.run is not None:
        run = journey.run
        yield Fact(source="run", said=f"{run.label}: {run.status}", at=run.ended_at or run.started_at)
    if journey.progress is not None:
        progress = journey.progress
        said = f"{progress.job}: {progress.phase}{f', {progress.reason}' if progress.reason else ''}"
        yield Fact(source="job", said=said, at=progress.at)
    for line in (journey.failure.log if journey.failure else ())[-1:]:
        yield Fact(source="log", said=line)
