"""Trying again: the next execution's name is written down first, then `receive_drop` starts it."""

from dropforge import naming
from dropforge.adapters import clock, holding, invocations, ledger
from dropforge.domain.datasets import execution_name
from dropforge.domain.inputs import Retried
from dropforge.domain.runs import Arrival, Run
from dropforge.domain.starts import Again, StartAgain
from dropforge.domain.uploads import RunBlock
from dropforge.errors import Conflict


def retry(meant: Run | Arrival) -> Retried:
    """Start the next attempt of a run, or the next execution of an upload that ended before it was one.

    Raises Conflict (RunStillRuns), NotReady (StillEnding) while something of the last attempt is left.
    """
    return _retry_run(meant) if isinstance(meant, Run) else _retry_upload(meant)


def _retry_run(run: Run) -> Retried:
    if run.status not in ("failed", "cancelled"):
        why = f"Run `{run.id}` is {'being cancelled' if run.cancellation else run.status}."
        raise Conflict("RunStillRuns", why, {"run": run.id})
    holding.require_gone(run)
    execution = naming.attempt_execution(run.id, run.attempt + 1)
    arrival = ledger.arrival(run.upload)
    if arrival is not None and arrival.execution == run.execution:
        _bind(arrival, execution, run.request)
    _start(Again(upload=run.upload, execution=execution, run=run.request))
    return Retried(run_id=run.id, execution=execution)


def _retry_upload(arrival: Arrival) -> Retried:
    if arrival.status not in ("failed", "cancelled", "rejected"):
        raise Conflict("RunStillRuns", f"The upload is {arrival.status}.", {"execution": arrival.execution})
    execution = execution_name(arrival.project, arrival.dataset, arrival.upload, arrival.number + 1)
    _bind(arrival, execution, arrival.run)
    _start(Again(upload=arrival.upload, execution=execution, run=arrival.run))
    return Retried(execution=execution)


def _bind(arrival: Arrival, execution: str, run: RunBlock) -> None:
    """Bind the upload to its next execution; somebody who asked for the same at the same moment is just as good."""
    update = {
        "execution": execution,
        "status": "received",
        "at": clock.stamp(),
        "number": arrival.number + 1,
        "run": run,
        "failure": None,
    }
    ledger.bind_again(arrival.model_copy(update=update), arrival)


def _start(again: Again) -> None:
    invocations.ask("receive_drop", StartAgain(again=again).model_dump(mode="json"))
