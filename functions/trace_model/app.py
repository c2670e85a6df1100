"""Say what a model came from, or which models came of a dataset, an object or a run."""

from dropforge.action import action
from dropforge.adapters import traces
from dropforge.domain.traces import ToTrace, Trace


@action
def handler(asked: ToTrace) -> Trace:
    return traces.traced(asked)
