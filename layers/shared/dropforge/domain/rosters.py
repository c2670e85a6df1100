"""A roster: the runs and uploads of a project in few words each, the newest first.

Every line is made of the rows that `status` reads, so the two cannot disagree; only the order is kept beside them.
"""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from dropforge.domain.callers import Asked
from dropforge.domain.runs import OVER, Arrival, ArrivalStatus, Progress, Run, Status
from dropforge.domain.values import Slug, Value

MOST = 100  # lines of one answer
State = Literal["received", "checking", "ready", "rejected", "running", "joined", "succeeded", "failed", "cancelled"]


class ToList(Asked):
    """Which runs a person wants to see; empty means any. `since` is written as a line's `at`, `before` is where the roster before it ended."""

    project: Slug | Literal[""] = ""
    dataset: str = ""
    state: State | Literal[""] = ""
    since: str = ""
    before: str = ""
    limit: int = Field(default=20, ge=1, le=MOST)


class Pointer(Value):
    """Where in its project's order a run or an upload stands. Written once, with the row that it points to."""

    at: str
    kind: Literal["run", "upload"]
    id: str

    @property
    def place(self) -> str:
        """The sort key: by time, and never the same for two."""
        return f"{self.at}#{self.kind}#{self.id}"


class Line(Value):
    """One run, or one upload that is none. `id` is what `status` takes. `price_usd` is the most that the run's newest attempt can cost."""

    place: str
    at: str
    id: str
    project: str
    dataset: str
    state: State
    attempt: int = 0
    said: str = ""
    ended_at: str = ""
    price_usd: float | None = None
    model_arn: str = ""
    run_id: str = ""


class Roster(Value):
    """Lines, and where to go on: `before` of the next question, empty when that was all."""

    lines: tuple[Line, ...]
    before: str = ""


def of_run(pointer: Pointer, run: Run, arrival: Arrival | None, progress: Progress | None) -> Line:
    """Return the line of a run. A retry that is on its way is what the run does now."""
    retried = arrival is not None and arrival.retries(run)
    state: Status | ArrivalStatus = arrival.status if arrival is not None and retried else run.status
    return Line(
        place=pointer.place,
        at=pointer.at,
        id=run.id,
        project=run.project,
        dataset=run.dataset,
        state=state,
        attempt=run.attempt + (1 if retried else 0),
        said="" if retried else _said(run, progress),
        ended_at="" if retried else run.ended_at or "",
        price_usd=run.price_usd,
        model_arn=run.model_arn or "",
        run_id=run.id,
    )


def of_upload(pointer: Pointer, arrival: Arrival) -> Line | None:
    """Return the line of an upload; None of one that has a run of its own, which has a line itself."""
    if arrival.run_id and arrival.status != "joined":
        return None
    failure = arrival.failure
    joined = f"has the model of {arrival.run_id}" if arrival.status == "joined" else ""
    return Line(
        place=pointer.place,
        at=pointer.at,
        id=arrival.execution,
        project=arrival.project,
        dataset=arrival.dataset,
        state=arrival.status,
        said=joined or (f"{failure.code}: {failure.what}" if failure else ""),
        run_id=arrival.run_id or "",
    )


def _said(run: Run, progress: Progress | None) -> str:
    if run.failure is not None:
        return f"{run.failure.code}: {run.failure.what}"
    if run.model_arn:
        return run.model_arn.rpartition("model-package/")[2]
    if run.status != "running" or progress is None:
        return ""
    if progress.phase == "queued":
        return f"{progress.step} waits: {progress.reason}" if progress.reason else f"{progress.step} waits"
    far = f" {progress.done}/{progress.total}" if progress.done is not None else ""
    return f"{progress.step}{far}"


def wanted(line: Line, asked: ToList) -> bool:
    """Whether a line is one of those that were asked for."""
    return (not asked.dataset or line.dataset == asked.dataset) and (not asked.state or line.state == asked.state)


def is_over(state: State) -> bool:
    """Whether a line will change only when somebody acts."""
    return state in (*OVER, "joined")


def cut(lines: Iterable[Line], limit: int, rest: Iterable[str]) -> Roster:
    """Return the newest lines of several projects, at most `limit`, and where to go on. `rest` are the places from which each has more."""
    ordered = sorted(lines, key=lambda line: line.place, reverse=True)
    further = max(rest, default="")
    certain = [line for line in ordered if line.place >= further]  # nothing unread can stand between these
    shown = certain[:limit]
    return Roster(lines=tuple(shown), before=shown[-1].place if len(certain) > limit else further)
