"""List models for a member of their projects, the newest first."""

from dropforge.action import action
from dropforge.adapters import traces
from dropforge.domain.traces import Models, ToListModels


@action
def handler(asked: ToListModels) -> Models:
    return traces.listed(asked)
