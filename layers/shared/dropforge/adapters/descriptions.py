"""Describing a drop: the ledger's rows beside what Step Functions recorded. Nothing is copied, so nothing can disagree for long."""

import json
from datetime import datetime

from dropforge.adapters import approvals, ledger, machine, recalls, references, timeline, waits
from dropforge.adapters.references import Meant
from dropforge.domain.approvals import Approval
from dropforge.domain.failures import Failure, read_cause
from dropforge.domain.journeys import Journey, Moment, Stage, jobs_of, lay_out
from dropforge.domain.runs import Arrival, Progress, Run
from dropforge.domain.timeline import Entry

_FAILED = ("FAILED", "TIMED_OUT", "ABORTED")
_STATUS = {
    "succeeded": "SUCCEEDED",
    "joined": "SUCCEEDED",
    "failed": "FAILED",
    "rejected": "FAILED",
    "cancelled": "ABORTED",
}
ENTRIES = 60  # the newest lines of a timeline
HOLDERS = 5
TIMELINE_BYTES = 16_000  # of them, as JSON
LOG_BYTES = 20_000  # of a failure's log lines, as JSON: the answer must stay below the limit of a result
_ENDED = ("ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")


def describe(reference: str, meant: Meant | None) -> Journey:
    """Return where a run, an upload or an execution is; `meant` is what the ledger knows of it. Raises NotFound (RunNotFound)."""
    run, arrival = meant if meant is not None else (None, None)
    journey = _journey(reference, _execution(reference, meant), run, arrival)
    return journey.model_copy(update={"timeline": _newest(journey.timeline)})


def describe_attempt(run: Run) -> Journey:
    """Return where a run's newest attempt is, also while a retry of it is on its way, with its whole timeline."""
    return _journey(run.id, run.execution, run, ledger.arrival(run.upload))


def _journey(reference: str, execution: str, run: Run | None, arrival: Arrival | None) -> Journey:
    described = machine.describe(execution) or {}
    if not described and arrival is None and run is None:
        raise references.unknown(reference)
    arn = str(described.get("executionArn", ""))
    progress = waits.progress(run.id) if run else None
    moments = _moments(arn)
    approval = approvals.of_run(run.id) if run is not None and run.execution == execution else None
    status = str(described.get("status") or _status(run, arrival))
    if _has_its_model(run, execution, approval, status):
        status = "SUCCEEDED"
    found = _recorded(execution, run, arrival) or (_cause(described) if status in _FAILED and described else None)
    return Journey(
        execution=execution,
        execution_arn=arn,
        status=status,
        arrival=arrival and arrival.model_copy(update={"failure": None, "run": {}}),
        run=run and run.model_copy(update={"failure": None}),
        progress=progress,
        stages=lay_out(moments),
        jobs=jobs_of(moments),
        result=json.loads(str(described["output"])) if "output" in described else _registered(approval),
        failure=found and found.shortened(LOG_BYTES),
        timeline=timeline.read(run.id if run else None, arrival.upload if arrival else None),
        trouble=waits.trouble(run.cluster) if run and run.status == "running" else None,
        holders=_holders(run, progress),
        approval=approval,
        recall=recalls.of_run(run) if run is not None else None,
    )


def _has_its_model(run: Run | None, execution: str, approval: Approval | None, status: str) -> bool:
    """Whether a run is over although its execution is not, or has ended otherwise: what comes after the model only decides on it."""
    if run is None or (run.execution, run.status) != (execution, "succeeded"):
        return False
    return status in _FAILED or (approval is not None and approval.waits_for_people)


def _registered(approval: Approval | None) -> dict[str, object] | None:
    """Return the model of an execution that only waits for a decision on it."""
    return approval.outcome.model_dump(mode="json") if approval is not None else None


def _newest(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the newest lines of a timeline that fit the answer, oldest first."""
    kept: list[Entry] = []
    room = TIMELINE_BYTES
    for line in reversed(entries[-ENTRIES:]):
        room -= len(line.model_dump_json())
        if room < 0:
            break
        kept.append(line)
    return tuple(reversed(kept))


def _holders(run: Run | None, progress: Progress | None) -> tuple[str, ...]:
    """Return who is in front of a queued job, the first few: other runs of its team."""
    if run is None or run.status != "running" or progress is None or progress.phase != "queued":
        return ()
    return tuple(name for name in waits.holders(run.cluster, run.team) if name != run.id)[:HOLDERS]


def _execution(reference: str, meant: Meant | None) -> str:
    """Return which execution a reference means: a run's newest attempt or the retry on its way, an upload's own, or itself."""
    if meant is None:
        return reference
    run, arrival = meant
    if run is not None and reference == run.id:
        return meant.newest.execution
    return arrival.execution if arrival is not None else reference


def _status(run: Run | None, arrival: Arrival | None) -> str:
    """Return the status that the ledger knows: Step Functions forgets an execution after 90 days, and has not heard of a new one."""
    known = run.status if run else arrival.status if arrival else ""
    return _STATUS.get(known, "STARTING")


def _recorded(execution: str, run: Run | None, arrival: Arrival | None) -> Failure | None:
    """Return the failure that was recorded for this very execution; an earlier attempt's is not this one's."""
    if run is not None and run.execution == execution:
        return run.failure
    return arrival.failure if arrival is not None and arrival.execution == execution else None


def _cause(described: dict[str, object]) -> Failure:
    return read_cause(str(described.get("error", described["status"])), str(described.get("cause", "")))


def stages(execution: str) -> tuple[Stage, ...]:
    """Return the stages of an execution with their times; none of one that Step Functions does not know."""
    described = machine.describe(execution) if execution else None
    return lay_out(_moments(str(described["executionArn"]))) if described else ()


def _moments(arn: str) -> list[Moment]:
    found = [_moment(event) for event in machine.history(arn)] if arn else []
    return [moment for moment in found if moment is not None]


def _moment(event: dict[str, object]) -> Moment | None:
    kind, at = str(event["type"]), event["timestamp"]
    assert isinstance(at, datetime)  # noqa: S101  botocore parses timestamps
    if kind in _ENDED:
        return Moment(kind="failed", state="", at=at.timestamp())
    for field, how in (("stateEnteredEventDetails", "entered"), ("stateExitedEventDetails", "exited")):
        details = event.get(field)
        if isinstance(details, dict):
            return Moment(kind=how, state=str(details["name"]), at=at.timestamp())
    return None
