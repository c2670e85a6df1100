"""Trying again: the next execution's name is written down first, then `receive_drop` starts it."""

from dropforge import naming
from dropforge.adapters import clock, holding, invocations, ledger
from dropforge.adapters.references import Meant
from dropforge.domain.datasets import execution_name
from dropforge.domain.inputs import Retried
from dropforge.domain.runs import OPEN, Arrival, Run
from dropforge.domain.starts import Again, StartAgain
from dropforge.domain.uploads import RunBlock
from dropforge.errors import Conflict


def retry(meant: Meant) -> Retried:
    """Start the next attempt of a run, or the next execution of an upload that ended before it was one.

    Raises Conflict (RunStillRuns, RunHasItsModel), NotReady (StillEnding) while something of the last attempt is left.
    """
    if meant.run is not None:
        return _retry_run(meant.run, meant.arrival)
    assert meant.arrival is not None  # noqa: S101  never neither
    return _retry_upload(meant.arrival)


def _retry_run(run: Run, arrival: Arrival | None) -> Retried:
    if run.status == "succeeded":
        raise Conflict("RunHasItsModel", f"Run `{run.id}` has made {run.model_arn}.", {"run": run.id})
    if run.status not in ("failed", "cancelled"):
        why = f"Run `{run.id}` is {'being cancelled' if run.cancellation else run.status}."
        raise Conflict("RunStillRuns", why, {"run": run.id})
    holding.require_gone(run)
    if arrival is not None and arrival.execution != run.execution:
        if arrival.status in OPEN:
            return _go_on(run, arrival)
        _require_over(run, arrival)
    number = max(run.attempt, arrival.number if arrival is not None else 0) + 1
    execution = naming.attempt_execution(run.id, number)
    if arrival is not None:
        _bind(arrival, execution, number, run.request)
    _start(Again(upload=run.upload, execution=execution, run=run.request))
    return Retried(run_id=run.id, execution=execution)


def _go_on(run: Run, arrival: Arrival) -> Retried:
    """Start the retry that is on its way already: its start may have been lost."""
    _start(Again(upload=arrival.upload, execution=arrival.execution, run=arrival.run))
    return Retried(run_id=run.id, execution=arrival.execution)


def _require_over(run: Run, arrival: Arrival) -> None:
    """Pass when a retry ended before it claimed anything.

    Raises Conflict (RunStillRuns) when the upload stands for another run by now, because recipe or image have changed since.
    """
    if arrival.status not in ("failed", "cancelled", "rejected"):
        why = f"The upload of `{run.id}` stands for `{arrival.run_id}` by now, which is {arrival.status}."
        raise Conflict("RunStillRuns", why, {"run": arrival.run_id})


def _retry_upload(arrival: Arrival) -> Retried:
    if arrival.status not in ("failed", "cancelled", "rejected"):
        raise Conflict("RunStillRuns", f"The upload is {arrival.status}.", {"execution": arrival.execution})
    number = arrival.number + 1
    execution = execution_name(arrival.project, arrival.dataset, arrival.upload, number)
    _bind(arrival, execution, number, arrival.run)
    _start(Again(upload=arrival.upload, execution=execution, run=arrival.run))
    return Retried(execution=execution)


def _bind(arrival: Arrival, execution: str, number: int, run: RunBlock) -> None:
    """Bind the upload to its next execution; somebody who asked for the same at the same moment is just as good."""
    update = {
        "execution": execution,
        "status": "received",
        "at": clock.stamp(),
        "number": number,
        "run": run,
        "failure": None,
        "cancellation": None,
    }
    ledger.bind_again(arrival.model_copy(update=update), arrival)


def _start(again: Again) -> None:
    invocations.ask("receive_drop", StartAgain(again=again).model_dump(mode="json"))
