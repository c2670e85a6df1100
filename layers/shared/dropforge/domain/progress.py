"""How far a job has come, read from its log, and whether it has stopped moving.

A step's usual pace is the median time between its own log lines; without enough of them there is no evidence, and only the deadline ends it.
"""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from dropforge.domain.recipes import Stuck
from dropforge.domain.runs import Progress

ENOUGH = 4  # gaps between step lines before a pace is believed
_STAMPED = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d) ?(.*)$")


class Line(NamedTuple):
    """A line of a job's log and, where the cluster says so, when it was written (seconds since 1970, whole)."""

    at: float | None
    text: str


class Stall(NamedTuple):
    """A job that has stopped making steps: seconds since the last one, its usual pace in seconds, and that last line."""

    silent: float
    pace: float
    last: str


def read_line(raw: str) -> Line:
    """Split the time off a log line (`timestamps=true` of the pod log API: RFC 3339, then a space)."""
    match = _STAMPED.match(raw)
    if match is None:
        return Line(None, raw)
    zone = "+00:00" if match[2] == "Z" else match[2]
    return Line(datetime.fromisoformat(match[1] + zone).timestamp(), match[3])


def find_stall(pattern: str, lines: Sequence[Line], stuck: Stuck, now: float) -> Stall | None:
    """Return the stall that a running job's newest lines show at `now` (seconds since 1970), or None."""
    steps = [line for line in lines if line.at is not None and pattern and re.search(pattern, line.text)]
    times = [line.at for line in steps if line.at is not None]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    if len(gaps) < ENOUGH:
        return None
    pace, silent = median(gaps), now - times[-1]
    if silent < max(stuck.at_least_seconds, stuck.times_median * pace):
        return None
    return Stall(silent, pace, steps[-1].text)


def read_progress(progress: Progress, pattern: str, lines: Sequence[str]) -> Progress:
    """Return `progress` moved on by the newest log line that `pattern` (named groups done, total, loss, rate) matches."""
    if not pattern:
        return progress
    matches = [m for line in lines if (m := re.search(pattern, line))]
    if not matches:
        return progress
    groups = matches[-1].groupdict()
    losses = [loss for m in matches if (loss := _number(m.groupdict().get("loss"))) is not None]
    done, total = _number(groups.get("done")), _number(groups.get("total"))
    return progress.model_copy(
        update={
            "done": None if done is None else int(done),
            "total": None if total is None else int(total),
            "loss": losses[-1] if losses else None,
            "rate": _number(groups.get("rate")),
            "losses": tuple(losses[-60:]),
        }
    )


def _number(text: str | None) -> float | None:
    """Read a number of a log. What merely looks like one is nothing: a user's log line must not stop the watcher of a whole cluster."""
    try:
        number = float(text or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
