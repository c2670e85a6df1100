"""Report an execution that did not succeed: say why, delete what it held, read it gone and give the lease back."""

from dropforge.adapters import endings
from dropforge.domain.events import ExecutionEnded
from dropforge.domain.inputs import Reported
from dropforge.task import task


@task
def handler(event: ExecutionEnded) -> Reported:
    ending = endings.read(event.detail)
    run, news = ending.run, endings.is_news(ending)
    if news:
        endings.finish(ending)
    return Reported(run_id=run.id if run else "", attempt=run.attempt if run else 0, already_over=not news)
