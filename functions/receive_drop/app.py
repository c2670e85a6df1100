"""Turn an object that arrived into an execution: the only function that starts them."""

from dropforge.adapters import bus, clock, ledger, machine
from dropforge.domain.datasets import execution_name
from dropforge.domain.events import DatasetRejected
from dropforge.domain.runs import Arrival
from dropforge.domain.uploads import Drop, ObjectCreated, Receipt, locate
from dropforge.errors import InvalidInput
from dropforge.task import task


@task
def handler(event: ObjectCreated) -> Receipt:
    upload = event.upload
    try:
        location = locate(upload.key)
    except InvalidInput as problem:
        bus.announce(DatasetRejected(project="", key=upload.key, failure=problem.failure))
        return Receipt(action="rejected")
    if location is None:
        return Receipt(action="ignored")
    execution = execution_name(location.project, location.dataset, upload)
    arrival = ledger.bind_upload(
        Arrival(
            upload=upload,
            project=location.project,
            dataset=location.dataset,
            execution=execution,
            status="received",
            at=clock.stamp(),
        )
    )
    started = arrival.execution == execution and machine.start(execution, Drop(upload=upload))
    return Receipt(action="started" if started else "known", execution=arrival.execution)
