"""What an attempt could cost at most and what it has cost as far as anybody knows, each number with what it assumes.

Nothing here is a bill: it is hours that were recorded, times a price that was read on a date.
"""

from collections.abc import Sequence
from datetime import datetime

from dropforge.domain.journeys import Journey, Stage
from dropforge.domain.runs import Run
from dropforge.domain.terms import Terms
from dropforge.domain.timeline import Entry
from dropforge.domain.values import Value

HOUR = 3600


class JobTimes(Value):
    """When a step was submitted, started on a node and was over (seconds since 1970), as far as is known. `step` is empty until somebody named it."""

    step: str
    submitted: float
    started: float | None = None
    ended: float | None = None
    failed: bool = False


class Price(Value):
    """US dollars. `spent_usd` is unknown without the attempt's terms. What each number assumes is said in sentences."""

    ceiling_usd: float
    ceiling_assumes: tuple[str, ...]
    spent_usd: float | None
    spent_hours: float
    spent_assumes: tuple[str, ...]


def job_times(spans: Sequence[Stage], entries: Sequence[Entry]) -> tuple[JobTimes, ...]:
    """Return the times of an attempt's jobs: when they came and went from Step Functions, when they started from the timeline."""
    return tuple(_times(span, entries) for span in spans)


def _times(span: Stage, entries: Sequence[Entry]) -> JobTimes:
    begin, end = span.started or 0.0, span.ended
    told = [e for e in entries if e.step and begin <= moment(e.at) <= (end or moment(e.at)) + 1]
    start = next((e for e in told if e.what == "RunStarted"), None)
    return JobTimes(
        step=told[0].step or "" if told else "",
        submitted=begin,
        started=None if start is None else _within(begin, moment(_started_at(start)), end),
        ended=end,
        failed=span.status == "failed",
    )


def _started_at(entry: Entry) -> str:
    return str(entry.details.get("started_at") or entry.at)


def _within(begin: float, at: float, end: float | None) -> float:
    """The cluster's clock and Step Functions' may differ; a job starts after it came and before it was over."""
    return max(begin, at if end is None else min(at, end))


def moment(at: str) -> float:
    """Return a time (RFC 3339) as seconds since 1970."""
    return datetime.fromisoformat(at).timestamp()


def price(run: Run, terms: Terms | None, jobs: Sequence[JobTimes], now: float) -> Price:
    """Return what an attempt could cost and has cost until `now` (seconds since 1970)."""
    hours = sum((job.ended or now) - job.started for job in jobs if job.started is not None) / HOUR
    if terms is None:
        unknown = "Nobody wrote down what this attempt was planned with: it was admitted by an earlier version."
        return Price(
            ceiling_usd=run.price_usd,
            ceiling_assumes=("Every step runs to its deadline.", unknown),
            spent_usd=None,
            spent_hours=hours,
            spent_assumes=(unknown,),
        )
    return Price(
        ceiling_usd=run.price_usd,
        ceiling_assumes=_ceiling_assumes(terms),
        spent_usd=hours * terms.nodes * terms.usd_per_hour,
        spent_hours=hours,
        spent_assumes=_spent_assumes(terms),
    )


def so_far(journey: Journey, now: float) -> Price | None:
    """Return what a journey's own attempt could cost and has cost until `now` (seconds since 1970); None before there is one."""
    run = journey.own_run
    if run is None:
        return None
    terms = terms_in(journey.timeline, run)
    return price(run, terms, job_times(journey.jobs, journey.timeline), now)


def terms_in(entries: Sequence[Entry], run: Run) -> Terms | None:
    """Return what an attempt was admitted with, as its timeline says; None when it does not."""
    admitted = next((entry for entry in reversed(entries) if entry.what == "RunAdmitted"), None)
    if admitted is None or admitted.attempt != run.attempt or not admitted.details.get("terms"):
        return None
    return Terms.model_validate(admitted.details["terms"])


def _ceiling_assumes(terms: Terms) -> tuple[str, ...]:
    nodes = f"{terms.nodes} node{'' if terms.nodes == 1 else 's'}"
    return (
        f"Every step runs to its deadline: {terms.deadline_hours:g} hours together, on {nodes}.",
        f"A node of {terms.instance_type} costs ${terms.usd_per_hour:,.2f} an hour (table of {terms.prices_as_of}).",
        "Steps on smaller nodes are counted at their own price.",
    )


def _spent_assumes(terms: Terms) -> tuple[str, ...]:
    return (
        f"Every job held its {terms.nodes} x {terms.instance_type} from its start until the watcher saw its end.",
        "Steps on smaller nodes are counted at the price of the training's, so it may be less.",
        "Waiting in the queue costs nothing here; nodes that stay up meanwhile are the cluster's cost.",
        "Earlier attempts, storage, the file system and the functions are not in it.",
    )
