"""Write the report of a run that is over beside its model: one page for people, and the same as values."""

from dropforge.adapters import run_reports
from dropforge.domain.inputs import Written
from dropforge.domain.measures import RunOver
from dropforge.task import task


@task
def handler(over: RunOver) -> Written:
    return run_reports.write(over)
