"""What people mean: a run id, an upload id or an execution name, looked up in the ledger, and in Step Functions for what is not there yet."""

import re
from typing import NamedTuple

from pydantic import ValidationError

from dropforge.adapters import ledger, machine, parameters
from dropforge.domain.callers import Order, may_see
from dropforge.domain.runs import Arrival, Run
from dropforge.domain.uploads import Drop, Upload, locate
from dropforge.errors import InvalidInput, NotFound

_UPLOAD = re.compile(
    r"^(?:.*-)?([0-9a-f]{16})(?:-\d+)?$"
)  # an upload's id, or the name of one of the executions that it was bound to
_ATTEMPT = re.compile(
    r"^(.+-[0-9a-f]{12})-\d+$"
)  # a retry's execution, which may have ended before it claimed anything


class Meant(NamedTuple):
    """What a reference stands for: a run with its newest attempt, the upload it came from, or both; never neither."""

    run: Run | None
    arrival: Arrival | None

    @property
    def newest(self) -> Run | Arrival:
        """What is to be acted on: the upload while it is no run yet, and while a retry of a run that is over is on its way to be admitted."""
        run, arrival = self.run, self.arrival
        if run is None or (arrival is not None and arrival.retries(run)):
            assert arrival is not None  # noqa: S101  never neither
            return arrival
        return run


def find(reference: str) -> Meant | None:
    """Return what a reference stands for; None when the ledger knows nothing of it."""
    run = ledger.run(reference) or ledger.run_of(reference)
    if run is not None:
        return Meant(run, ledger.arrival(run.upload))
    upload, attempt = _UPLOAD.match(reference), _ATTEMPT.match(reference)
    arrival = (ledger.arrival_by_id(upload[1]) if upload else None) or ledger.open_arrival_of(reference)
    if arrival is not None:
        return Meant(ledger.run(arrival.run_id) if arrival.run_id else None, arrival)
    return _of_attempt(reference, ledger.run(attempt[1]) if attempt else None)


def _of_attempt(reference: str, run: Run | None) -> Meant | None:
    arrival = ledger.arrival(run.upload) if run is not None else None
    return Meant(run, arrival) if arrival is not None and arrival.execution == reference else None


def require(reference: str) -> Meant:
    """Return what a reference stands for. Raises NotFound (RunNotFound).

    An execution that the ledger does not know by name (a scheduled repetition before it is admitted) stands for its upload while it runs.
    """
    meant = find(reference) or _running(reference)
    if meant is None:
        raise unknown(reference)
    return meant


def find_seen(order: Order) -> Meant | None:
    """Return what an order means, as `find` does. Raises NotFound (RunNotFound), as for what does not exist, when the caller may not see it.

    What belongs to no onboarded project is nobody's, so whoever knows its name may see it: a start by hand with nonsense, a drop for a
    project that is not there.
    """
    meant = find(order.run)
    name = meant.newest.project if meant is not None else _project_of(order.run)
    project = parameters.find_project(name) if name else None
    if project is not None and not may_see(project, order.caller):
        raise unknown(order.run)
    return meant


def _project_of(execution: str) -> str:
    """Return the project that an execution's input names, whatever the ledger holds of it."""
    upload = _upload_of(machine.describe(execution) or {})
    try:
        location = locate(upload.key) if upload is not None else None
    except InvalidInput:
        location = None
    return location.project if location is not None else ""


def _upload_of(described: dict[str, object]) -> Upload | None:
    try:
        return Drop.model_validate_json(str(described.get("input", ""))).upload
    except ValidationError:
        return None


def unknown(reference: str) -> NotFound:
    """Return the error for what does not exist, or is none of the caller's business."""
    return NotFound("RunNotFound", f"Nothing is known of `{reference}`.", {"reference": reference})


def _running(execution: str) -> Meant | None:
    described = machine.describe(execution) or {}
    if described.get("status") != "RUNNING":
        return None
    upload = _upload_of(described)
    arrival = ledger.arrival(upload) if upload is not None else None
    update = {"execution": execution, "status": "checking", "run_id": None, "cancellation": None}
    return Meant(None, arrival.model_copy(update=update)) if arrival is not None else None
