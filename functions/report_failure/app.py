"""Report an execution that did not succeed: say why, then delete what it held, read it gone and give the lease back.

It tells before it tears down: a cluster that cannot be reached, perhaps the very reason of the failure, must not keep the news from
anybody. Run again it tells again, at least once.
"""

from dropforge.adapters import bus, endings
from dropforge.domain.events import ExecutionEnded, RunFailed
from dropforge.domain.inputs import Reported
from dropforge.task import task


@task
def handler(event: ExecutionEnded) -> Reported:
    ending = endings.read(event.detail)
    run = ending.run
    reported = Reported(run_id=run.id if run else "", attempt=run.attempt if run else 0)
    if not endings.is_news(ending):
        return reported.model_copy(update={"already_over": True})
    bus.announce(
        RunFailed(
            project=ending.project,
            run_id=reported.run_id,
            attempt=reported.attempt,
            execution=ending.execution,
            failure=ending.failure,
        )
    )
    endings.record(ending)
    if run is not None:
        endings.tear_down(run)
    return reported
