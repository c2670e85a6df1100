"""Measures: what is counted of runs, as CloudWatch will know it. docs/operations.md, section Metrics, lists the same names.

Every measure has the dimension `environment`, which the adapter adds.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import Field

from dropforge.domain.failures import Failure
from dropforge.domain.journeys import Stage
from dropforge.domain.runs import Lease, Run, Wait
from dropforge.domain.timeline import Entry
from dropforge.domain.values import Received, Value

Unit = Literal["Count", "Seconds", "None"]
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "RunFinished": ("team", "state"),
    "RunSeconds": ("team",),
    "QueueSeconds": ("team",),
    "StageSeconds": ("stage",),
    "DefectFound": (),
    "RunsOpen": ("team", "phase"),
    "WatchLag": (),
    "IdleUsd": (),
}
STATES = {"ModelRegistered": "succeeded", "RunFailed": "failed", "RunCancelled": "cancelled"}
PHASES = ("new", "queued", "running")


class EndDetail(Received):
    """What the three events that end a run have in common. `run_id` is empty when none was known; a model's names no attempt, no execution."""

    project: str
    run_id: str
    attempt: int | None = None
    execution: str = ""
    failure: Failure | None = None


class RunOver(Received):
    """An event of ours that ends a run, as the bus delivers it."""

    kind: Literal["ModelRegistered", "RunFailed", "RunCancelled"] = Field(alias="detail-type")
    detail: EndDetail


class Measured(Value):
    """What MeasureRun counted: the names of the measures, none for an end that was counted before."""

    execution: str
    measures: tuple[str, ...] = ()


class Measure(NamedTuple):
    """One number. `dimensions` are the values of those that DIMENSIONS names, in that order."""

    name: str
    value: float
    dimensions: tuple[str, ...] = ()

    @property
    def unit(self) -> Unit:
        """Seconds for times, none for money (CloudWatch knows no currency), else a count."""
        if self.name.endswith("Usd"):
            return "None"
        return "Seconds" if self.name.endswith(("Seconds", "Lag")) else "Count"


def of_end(over: RunOver, team: str, entries: Sequence[Entry], stages: Iterable[Stage]) -> list[Measure]:
    """Return what is counted of a run that is over. `entries` are its attempt's own, oldest first."""
    state = STATES[over.kind] if over.detail.run_id else "rejected"
    found = [Measure("RunFinished", 1, (team, state))]
    if over.detail.failure is not None and over.detail.failure.whose == "Dropforge":
        found.append(Measure("DefectFound", 1))
    if entries:
        found += [Measure("RunSeconds", _seconds(entries[0], entries[-1]), (team,))]
        found += [Measure("QueueSeconds", queued(entries), (team,))]
    ended = [(stage.name, stage.started, stage.ended) for stage in stages]
    return found + [Measure("StageSeconds", end - start, (name,)) for name, start, end in ended if start and end]


def queued(entries: Sequence[Entry]) -> float:
    """Return for how many seconds an attempt's jobs waited for quota; evictions make them wait again."""
    waited, since = 0.0, None
    for entry in entries:
        if entry.what in ("RunQueued", "RunEvicted"):
            since = since or entry
        elif since is not None and entry.what in ("RunStarted", *STATES):
            waited, since = waited + _seconds(since, entry), None
    return waited


def of_attempt(entries: Sequence[Entry], execution: str) -> list[Entry]:
    """Return the part of a run's timeline that tells of one attempt, from its admission to its end; nothing while either is missing."""
    first = next((n for n, entry in enumerate(entries) if _says(entry, "RunAdmitted", execution)), None)
    if first is None:
        return []
    own = [entry for entry in entries[first:] if entry.attempt in (None, entries[first].attempt)]
    last = next((n for n, entry in enumerate(own) if entry.what in STATES), None)
    return [] if last is None else own[: last + 1]


def _says(entry: Entry, what: str, execution: str) -> bool:
    return entry.what == what and entry.details.get("execution") == execution


def _seconds(first: Entry, last: Entry) -> float:
    return (datetime.fromisoformat(last.at) - datetime.fromisoformat(first.at)).total_seconds()


def of_waits(waits: Iterable[Wait]) -> list[Measure]:
    """Return how many jobs each team has in each phase; a team that waits for nothing is not named."""
    of_team: dict[str, list[str]] = {}
    for wait in waits:
        if wait.kind == "job":
            of_team.setdefault(wait.team, []).append(wait.phase)
    return [
        Measure("RunsOpen", phases.count(phase), (team, phase))
        for team, phases in sorted(of_team.items())
        for phase in PHASES
    ]


def of_leases(held: Iterable[tuple[Run, Lease]]) -> Measure:
    """Return the money that may flow for nothing: the price of the leases of attempts that are over."""
    return Measure("IdleUsd", sum(lease.price_usd for run, lease in held if run.status != "running"))
