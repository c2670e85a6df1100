"""Measure a run that is over: count how it ended, and for how long it ran, waited and stood in each stage."""

from dropforge.adapters import ends
from dropforge.domain.measures import Measured, RunOver
from dropforge.task import task


@task
def handler(over: RunOver) -> Measured:
    return ends.measure(over)
