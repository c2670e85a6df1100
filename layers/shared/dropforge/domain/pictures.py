"""Pictures of a run as numbers for a page to draw: bars on a time axis, and a curve between axes with round numbers.

Coordinates are thousandths of the picture's own width and height (so that a page can stretch it to any screen), labels are apart from them, as
percentages: text that is stretched with a picture cannot be read on a small one.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from dropforge.domain.curves import Curve, Point
from dropforge.domain.run_reports import RunReport
from dropforge.domain.spending import JobTimes, moment

WHOLE = 1000
THINNEST = 6  # thousandths of the width: what took no time is still seen
WORDS = {
    "waiting": ("·", "not reached"),
    "running": ("▶", "running"),
    "succeeded": ("✓", "done"),
    "failed": ("✗", "failed"),
    "skipped": ("-", "passed by"),
}
Kind = Literal["waiting", "running", "succeeded", "failed", "skipped", "queued"]


class Piece(NamedTuple):
    """A stretch of a bar."""

    x: int
    width: int
    kind: Kind


class Bar(NamedTuple):
    """One line of the picture of a journey. `depth` is 1 for a job inside a stage; `seconds` is how long it took, None for what has not begun."""

    name: str
    mark: str
    word: str
    depth: int
    seconds: float | None
    queued: float | None
    pieces: tuple[Piece, ...]


class Tick(NamedTuple):
    """A label of an axis; `place` is a percentage from the left or from the top."""

    label: str
    place: float


class Plot(NamedTuple):
    """A loss curve as it is drawn. `line` is an SVG list of points; `marks` are its first, lowest and last point."""

    line: str
    marks: tuple[tuple[float, float], ...]
    x: tuple[Tick, ...]
    y: tuple[Tick, ...]


def journey(report: RunReport) -> tuple[Bar, ...]:
    """Return the stages of a run as bars on one time axis, the jobs of RunSteps below it."""
    now = moment(report.as_of)
    begin = min((s.started for s in report.stages if s.started is not None), default=now)
    end = max([s.ended or now for s in report.stages if s.started is not None], default=now)
    found: list[Bar] = []
    for stage in report.stages:
        mark, word = WORDS[stage.status]
        until = None if stage.started is None else stage.ended or now
        pieces = _pieces(begin, end, ((stage.started, until, stage.status),))
        seconds = None if stage.started is None or until is None else until - stage.started
        found.append(Bar(stage.name, mark, word, 0, seconds, None, pieces))
        if stage.name == "RunSteps":
            found += [_job(job, (begin, end, now)) for job in report.jobs]
    return tuple(found)


def _job(job: JobTimes, axis: tuple[float, float, float]) -> Bar:
    begin, end, now = axis
    until, started = job.ended or now, job.started
    how: Kind = "failed" if job.failed else "running" if job.ended is None else "succeeded"
    if started is None:
        mark, word = WORDS["failed"] if job.failed else WORDS["waiting"]
        pieces = _pieces(begin, end, ((job.submitted, until, "failed" if job.failed else "queued"),))
        return Bar(job.step or "job", mark, word if job.failed else "queued", 1, None, until - job.submitted, pieces)
    mark, word = WORDS[how]
    pieces = _pieces(begin, end, ((job.submitted, started, "queued"), (started, until, how)))
    return Bar(job.step or "job", mark, word, 1, until - started, started - job.submitted, pieces)


def _pieces(
    begin: float, end: float, stretches: Sequence[tuple[float | None, float | None, Kind]]
) -> tuple[Piece, ...]:
    scale = WHOLE / ((end - begin) or 1.0)
    found = []
    for start, stop, kind in stretches:
        if start is not None and stop is not None:
            width = max(THINNEST, round((stop - start) * scale))
            found.append(Piece(min(round((start - begin) * scale), WHOLE - THINNEST), min(width, WHOLE), kind))
    return tuple(found)


def plot(curve: Curve) -> Plot:
    """Return a curve between axes whose ends are round numbers."""
    xs = (curve.points[0][0], curve.points[-1][0])
    losses = [loss for _, loss in curve.points]
    rows = round_numbers(min(losses), max(losses))
    columns = [n for n in round_numbers(*xs) if xs[0] <= n <= xs[1] and n == int(n)]
    low, high = rows[0], rows[-1]

    def place(point: Point) -> tuple[float, float]:
        across = (point[0] - xs[0]) / ((xs[1] - xs[0]) or 1)
        return round(across * WHOLE, 1), round((high - point[1]) / (high - low) * WHOLE, 1)

    return Plot(
        line=" ".join(f"{x:g},{y:g}" for x, y in map(place, curve.points)),
        marks=tuple(place(point) for point in (curve.first, curve.lowest, curve.last)),
        x=tuple(Tick(f"{int(n):,}", round(place((int(n), low))[0] / 10, 2)) for n in columns),
        y=tuple(Tick(f"{n:g}", round(place((xs[0], n))[1] / 10, 2)) for n in rows),
    )


def round_numbers(low: float, high: float, about: int = 4) -> list[float]:
    """Return numbers at equal distances of 1, 2 or 5 times a power of ten, the first at most `low`, the last at least `high`."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * n for n in (1, 2, 5, 10) if power * n * about >= span * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 12) for n in range(first, max(last, first + 1) + 1)]


def sample(curve: Curve, rows: int = 12) -> tuple[Point, ...]:
    """Return some of a curve's points for a table: the first, the last, and what lies evenly between."""
    last = len(curve.points) - 1
    places = sorted({round(n * last / (rows - 1)) for n in range(rows)})
    return tuple(curve.points[place] for place in places)
