"""Loss curves: what a job's log says of its loss, thinned to what a picture can show.

Thinning is by largest triangle three buckets (Steinarsson, "Downsampling Time Series for Visual Representation", 2013): of each stretch of the
curve the one point stays that spans the largest triangle with its neighbours, so spikes survive that a mean would flatten.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from dropforge.domain.values import Value

DRAWN = 400  # points of a picture: one for each two pixels at its widest
Point = tuple[int, float]


class Curve(Value):
    """The losses of one job, in the order of its steps. `points` are `measured` ones, thinned.

    `unit` is what is counted from left to right: training steps, or only the newest lines of the log, from which the curve was read.
    """

    job: str
    unit: Literal["step", "line"]
    measured: int
    first: Point
    last: Point
    lowest: Point
    points: tuple[Point, ...]


def read_points(lines: Iterable[str], pattern: str) -> list[Point]:
    """Return the steps and losses that a log's lines tell, in order; of a step that was made again its last loss.

    `pattern` is the recipe's, with the named groups `done` and `loss`. What only looks like a number is left out.
    """
    found: dict[int, float] = {}
    for line in lines:
        match = re.search(pattern, line) if pattern else None
        point = _point(match) if match else None
        if point is not None:
            found[point[0]] = point[1]
    return sorted(found.items())


def _point(match: re.Match[str]) -> Point | None:
    groups = match.groupdict()
    try:
        step, loss = int(groups.get("done") or ""), float(groups.get("loss") or "")
    except ValueError:
        return None
    return (step, loss) if math.isfinite(loss) else None


def draw(job: str, points: Sequence[Point], unit: Literal["step", "line"] = "step") -> Curve | None:
    """Return the curve of a job's points; None for fewer than two, which make no line."""
    if len(points) < 2:
        return None
    return Curve(
        job=job,
        unit=unit,
        measured=len(points),
        first=points[0],
        last=points[-1],
        lowest=min(points, key=lambda point: point[1]),
        points=tuple(thin(points, DRAWN)),
    )


def thin(points: Sequence[Point], limit: int) -> list[Point]:
    """Return at most `limit` (three or more) of the points, the first and the last among them."""
    if len(points) <= limit:
        return list(points)
    size = (len(points) - 2) / (limit - 2)
    cuts = [1 + int(size * n) for n in range(limit - 1)]
    kept = [points[0]]
    for n in range(limit - 2):
        bucket = points[cuts[n] : cuts[n + 1]]
        after = points[cuts[n + 1] : cuts[n + 2]] if n + 2 < len(cuts) else points[-1:]
        kept.append(_largest(kept[-1], bucket, _middle(after)))
    return [*kept, points[-1]]


def _middle(points: Sequence[Point]) -> tuple[float, float]:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _largest(before: Point, bucket: Sequence[Point], after: tuple[float, float]) -> Point:
    (ax, ay), (cx, cy) = before, after
    return max(bucket, key=lambda point: abs((ax - cx) * (point[1] - ay) - (ax - point[0]) * (cy - ay)))
