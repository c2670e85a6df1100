"""A journey while it goes on: a table that redraws itself on a terminal, one line per change elsewhere."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from dropforge.domain import spending
from dropforge.domain.journeys import OVER, Journey, Stage
from dropforge.domain.runs import Progress
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.show import age

MARKS = {
    "waiting": ("·", "dim"),
    "running": ("▶", "cyan"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
}
PLAIN = {
    "waiting": ".",
    "running": ">",
    "succeeded": "+",
    "failed": "x",
    "skipped": "-",
}  # where the terminal knows no more than ASCII
BARS = "▁▂▃▄▅▆▇█"


def follow(console: Console, journeys: Iterator[Journey]) -> Journey:
    """Show a journey until it is over and return its last state."""
    return _follow_live(console, journeys) if console.is_terminal else _follow_lines(console, journeys)


def _follow_live(console: Console, journeys: Iterator[Journey]) -> Journey:
    last: Journey | None = None
    with Live(console=console, refresh_per_second=4) as live:
        for last in journeys:
            live.update(picture(last, plain=ascii_only(console)))
    assert last is not None  # noqa: S101  a journey has at least one state
    return last


def _follow_lines(console: Console, journeys: Iterator[Journey]) -> Journey:
    seen: set[str] = set()
    last: Journey | None = None
    for last in journeys:
        for line in lines(last):
            if line not in seen:
                seen.add(line)
                console.print(line, highlight=False, soft_wrap=True)
    assert last is not None  # noqa: S101
    return last


def picture(journey: Journey, *, plain: bool = False) -> Group:
    """Return a journey as a table with the running job below it; `plain` keeps to ASCII."""
    table = Table(box=None, padding=(0, 1), show_header=False)
    for stage in journey.stages:
        mark, style = MARKS[stage.status]
        mark = PLAIN[stage.status] if plain else mark
        table.add_row(Text(mark, style), Text(stage.name, style), Text(_took(stage), "dim"))
    now = datetime.now(UTC)
    below = [line for line in (job_line(journey, now), price_line(journey, now)) if line]
    return Group(Text(journey.name, "bold"), table, *map(Text, below))


def ascii_only(console: Console) -> bool:
    """Whether what is printed must keep to ASCII."""
    return not console.encoding.lower().startswith("utf")


def lines(journey: Journey) -> list[str]:
    """Return a journey as lines, each of which changes only when something happens."""
    found = [
        f"{s.name}: {s.status}{_took(s) and ' in ' + _took(s)}"
        for s in journey.stages
        if s.status in ("succeeded", "failed")
    ]
    job = job_line(journey)
    return [*found, *([job] if job else [])]


def job_line(journey: Journey, now: datetime | None = None) -> str:
    """Return what the current job does, with its loss as a small curve, and how old that is where `now` is given."""
    progress = journey.progress
    if progress is None or journey.status in OVER or journey.own_run is None:
        return ""
    parts = [f"job {progress.step}: {progress.phase}", *_reason(progress, now)]
    if progress.done is not None:
        parts.append(f"step {progress.done}/{progress.total}")
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.4f} {sparkline(progress.losses)}".rstrip())
    if progress.rate is not None:
        parts.append(f"rate {progress.rate:.1e}")
    return "  " + ", ".join(parts)


def _reason(progress: Progress, now: datetime | None) -> list[str]:
    if not progress.reason:
        return []
    since = f" (for {age(progress.at, now)})" if now is not None and progress.at else ""
    return [f"{progress.reason}{since}"]


def price_line(journey: Journey, now: datetime) -> str:
    """Return what the attempt has cost so far, and could cost at most."""
    price = spending.so_far(journey, now.timestamp())
    if price is None or price.spent_usd is None:
        return ""
    return (
        f"  price so far ${price.spent_usd:,.2f}, at most ${price.ceiling_usd:,.2f} ({price.spent_hours:.1f} h of jobs)"
    )


def sparkline(values: tuple[float, ...]) -> str:
    """Return numbers as a line of bars, lowest to highest."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1))] for value in values[-30:])


def _took(stage: Stage) -> str:
    if stage.started is None:
        return ""
    return f"{(stage.ended or time.time()) - stage.started:.1f} s"
