"""Counting ends: each execution's once, whatever comes twice.

EXECUTION#<name>     MEASURED            what was counted of an execution's end
"""

from dropforge.adapters import descriptions, ledger, metrics, parameters, table, timeline
from dropforge.adapters.table import ABSENT
from dropforge.domain.measures import Measured, RunOver, of_attempt, of_end


def measure(over: RunOver) -> Measured:
    """Count what is over, unless it was counted before."""
    run = ledger.run(over.detail.run_id) if over.detail.run_id else None
    execution = over.detail.execution or (run.execution if run else "")
    team = run.team if run else _team(over.detail.project)
    entries = of_attempt(timeline.read(run.id, None), execution) if run else []
    measures = of_end(over, team, entries, descriptions.stages(execution))
    counted = Measured(execution=execution, measures=tuple(measure.name for measure in measures))
    if not table.put(f"EXECUTION#{execution}", "MEASURED", counted, None, ABSENT):
        return Measured(execution=execution)
    metrics.emit(*measures)
    return counted


def _team(project: str) -> str:
    """Return the team of an upload that never became a run; nobody may have onboarded its project."""
    found = parameters.find_project(project)
    return found.team if found is not None else "unknown"
