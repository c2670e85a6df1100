"""Report an execution that did not succeed: delete what it held, read it gone, say why, give the lease back."""

from dropforge.adapters import bus, endings
from dropforge.domain.events import ExecutionEnded, RunFailed
from dropforge.domain.inputs import Reported
from dropforge.task import task


@task
def handler(event: ExecutionEnded) -> Reported:
    ending = endings.read(event.detail)
    if ending.run is not None:
        endings.tear_down(ending.run)
    first = endings.record(ending)
    run_id, attempt = (ending.run.id, ending.run.attempt) if ending.run else ("", 0)
    if first:
        bus.announce(
            RunFailed(
                project=ending.project,
                run_id=run_id,
                attempt=attempt,
                execution=event.detail.name,
                failure=ending.failure,
            )
        )
    return Reported(run_id=run_id, attempt=attempt, already_over=not first)
