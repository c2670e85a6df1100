"""What starts an execution: an object that arrived, a schedule, or an attempt that is wanted again. `receive_drop` alone calls this.

A name is made of what is started, so starting twice is starting once; what Step Functions has forgotten, the ledger has not.
"""

from dropforge import naming
from dropforge.adapters import clock, ledger, machine, timeline
from dropforge.domain.datasets import execution_name
from dropforge.domain.events import DatasetRejected
from dropforge.domain.runs import Arrival
from dropforge.domain.starts import Retrain, StartAgain
from dropforge.domain.uploads import Drop, Location, ObjectCreated, Receipt, Upload, locate
from dropforge.errors import InvalidInput, NotFound


def by_object(event: ObjectCreated) -> Receipt:
    """Start the execution of an object that arrived, if it is a whole drop."""
    upload = event.upload
    try:
        location = locate(upload.key)
    except InvalidInput as problem:
        rejected = DatasetRejected(project="", key=upload.key, failure=problem.failure)
        timeline.tell_of_upload(upload, rejected)
        return Receipt(action="rejected")
    return Receipt(action="ignored") if location is None else _bind(upload, location)


def _bind(upload: Upload, location: Location) -> Receipt:
    wanted = Arrival(
        upload=upload,
        project=location.project,
        dataset=location.dataset,
        execution=execution_name(location.project, location.dataset, upload),
        status="received",
        at=clock.stamp(),
    )
    arrival = ledger.bind_upload(wanted)
    if (arrival.execution, arrival.status, arrival.cancellation) != (wanted.execution, "received", None):
        return Receipt(action="known", execution=arrival.execution)
    return _start(arrival.execution, Drop(upload=upload))


def again(wanted: StartAgain) -> Receipt:
    """Start an execution whose name has been written down already: a retry, or one whose start was lost."""
    upload, execution = wanted.again.upload, wanted.again.execution
    arrival = ledger.arrival(upload)
    if arrival is not None and arrival.execution == execution and arrival.cancellation is not None:
        return Receipt(action="known", execution=execution)
    return _start(execution, Drop(upload=upload, run=wanted.again.run))


def by_schedule(wanted: Retrain) -> Receipt:
    """Start a new run on the newest upload of a dataset. Raises NotFound (DatasetUnknown)."""
    project, _, dataset = wanted.retrain.partition("/")
    newest = ledger.latest(project, dataset)
    if newest is None:
        raise NotFound("DatasetUnknown", f"No upload of `{wanted.retrain}` was ever believed.", {"key": wanted.retrain})
    name = naming.repeated_execution(project, dataset, newest.upload.id, wanted.repeat)
    return _start(name, Drop(upload=newest.upload, run={**newest.run, "repeat": wanted.repeat}))


def _start(execution: str, drop: Drop) -> Receipt:
    started = machine.start(execution, drop)
    return Receipt(action="started" if started else "known", execution=execution)
