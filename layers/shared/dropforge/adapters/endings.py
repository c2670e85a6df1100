"""How an execution ended without a model, and what of it must not stay behind.

An ending is read from an event or, when the event was lost, from Step Functions itself: both give the same value.
"""

from typing import Literal, NamedTuple

from pydantic import ValidationError

from dropforge.adapters import arrivals, bus, clock, ledger, machine, teardown, timeline
from dropforge.domain.events import ExecutionDetail, RunCancelled, RunFailed
from dropforge.domain.failures import Failure, failure, read_cause
from dropforge.domain.runs import CANCELLED, OVER, Arrival, Cancellation, Run
from dropforge.domain.uploads import Drop


class Ending(NamedTuple):
    """What ended and why. `run` is absent when it ended before a run was known, or when another execution holds the run."""

    project: str
    execution: str
    failure: Failure
    run: Run | None
    arrival: Arrival | None

    @property
    def cancelled(self) -> bool:
        """Whether somebody wanted it to end."""
        return self.failure.code == CANCELLED


def read(detail: ExecutionDetail) -> Ending:
    """Return how an execution ended, from its event and, for what the event leaves out, from Step Functions."""
    if detail.input is None or detail.cause is None:
        described = machine.describe(detail.name) or {}
        known = detail.model_dump(by_alias=True, exclude_none=True)
        detail = ExecutionDetail.model_validate({**described, **known})
    return _ending(detail)


def read_late(execution: str, described: dict[str, object] | None) -> Ending | None:
    """Return how an execution ended, from Step Functions' description alone; None while it runs, or when it succeeded."""
    if described is None:
        gone = failure("ExecutionGone", f"Step Functions knows no execution `{execution}`.", {"execution": execution})
        return _held(execution, None, gone)
    if described["status"] in ("RUNNING", "SUCCEEDED"):
        return None
    return _ending(ExecutionDetail.model_validate(described))


def _ending(detail: ExecutionDetail) -> Ending:
    found = _failure(detail.status, detail.error or detail.status, detail.cause or "")
    return _held(detail.name, _arrival(detail.input or "{}", detail.name), found)


def _held(execution: str, arrival: Arrival | None, found: Failure) -> Ending:
    run = ledger.run_of(execution)
    held = run if run is not None and run.execution == execution else None
    wish = held.cancellation if held is not None else _wish(execution, arrival)
    if wish is not None:
        found = wish.failure()
    project = held.project if held else arrival.project if arrival else ""
    return Ending(project, execution, found, held, arrival)


def _wish(execution: str, arrival: Arrival | None) -> Cancellation | None:
    return arrival.cancellation if arrival is not None and arrival.execution == execution else None


def never_started(arrival: Arrival, wish: Cancellation) -> Ending:
    """Return the end of an execution that was cancelled before it was started."""
    return Ending(arrival.project, arrival.execution, wish.failure(), None, arrival)


def _arrival(text: str, execution: str) -> Arrival | None:
    """Return the upload that an execution was started for. A start by hand may have left its version out: then only what is open can tell."""
    try:
        return ledger.arrival(Drop.model_validate_json(text).upload)
    except ValidationError:
        return ledger.open_arrival_of(execution)


def _failure(status: str, error: str, cause: str) -> Failure:
    if status != "ABORTED":
        return read_cause("States.Timeout" if status == "TIMED_OUT" else error, cause)
    if error == CANCELLED:
        return read_cause(error, cause)
    return failure("ExecutionAborted", cause or "The execution was stopped by hand.")


def is_news(ending: Ending) -> bool:
    """Whether there is still something to record or to tear down. A lease that is still there says that an earlier try did not finish."""
    run, arrival = ending.run, ending.arrival
    if run is not None:
        return run.status == "running" or (run.status != "succeeded" and ledger.lease(run) is not None)
    if arrival is None:
        return True
    if arrival.execution == ending.execution:
        return arrival.status not in (*OVER, "joined")
    return not timeline.holds_end(
        arrival.upload, ending.execution
    )  # nobody's row says it: a repetition, a second start by hand


def finish(ending: Ending, patience: int = teardown.GONE_SECONDS) -> None:
    """Record an ending, tell it and leave nothing behind; raises NotReady when something is still there after `patience` seconds.

    A failure is recorded and told first: a cluster that cannot be reached, perhaps its very reason, must not keep the news from anybody.
    A cancelled run ends only when a read has found nothing left of it. The lease goes last: while it stands, the sweep comes back.
    """
    run = ending.run
    if run is None:
        _record_upload(ending)
        _tell(ending)
    elif ending.cancelled:
        teardown.clear(run, patience)
        _record_run(ending, run, "cancelled")
        _tell(ending)
        ledger.release_lease(run)
    elif _record_run(ending, run, "failed"):
        _tell(ending)
        teardown.clear(run, patience)
        ledger.release_lease(run)


def _tell(ending: Ending) -> None:
    run = ending.run
    told = {
        "project": ending.project,
        "run_id": run.id if run else "",
        "attempt": run.attempt if run else 0,
        "execution": ending.execution,
        "failure": ending.failure,
    }
    announcement = (RunCancelled if ending.cancelled else RunFailed).model_validate(told)
    actor = str(ending.failure.evidence.get("by", "")) if ending.cancelled else ""
    if run is not None:
        timeline.tell_of_run(run.id, announcement, actor)
    elif ending.arrival is not None:
        timeline.tell_of_upload(ending.arrival.upload, announcement, actor)
    else:
        bus.announce(announcement)


def _record_run(ending: Ending, run: Run, status: Literal["failed", "cancelled"]) -> bool:
    """Write an attempt's end and what became of its upload. Returns False when its model was recorded in the meantime."""
    end = {"status": status, "failure": ending.failure, "ended_at": clock.stamp()}
    if not ledger.end(run.model_copy(update=end)):
        now = ledger.run(run.id)
        if now is not None and (now.status, now.attempt) == ("succeeded", run.attempt):
            return False
    arrivals.advance(run.upload, ending.execution, status, run.id, ending.failure)
    return True


def _record_upload(ending: Ending) -> None:
    if ending.arrival is not None:
        status: Literal["failed", "cancelled"] = "cancelled" if ending.cancelled else "failed"
        arrivals.advance(ending.arrival.upload, ending.execution, status, None, ending.failure)
