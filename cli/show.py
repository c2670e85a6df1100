"""What people see: of a journey a table that redraws itself on a terminal, one line per change elsewhere; of answers and reports their words."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from dropforge.client.tails import Part
from dropforge.client.uploads import files_of
from dropforge.domain.explanations import Explanation
from dropforge.domain.failures import Failure
from dropforge.domain.reports import Fault, Report
from dropforge.domain.rosters import Line
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as ProgressBars
from rich.table import Table
from rich.text import Text

from cli.output import errors

SLOW_BYTES = 16 * 1024 * 1024  # an upload of less is over before a bar is read


@contextmanager
def may_be_left(reference: str) -> Iterator[None]:
    """Say, when Ctrl-C ends what only looks, that what it looked at goes on. The exit code is then 130."""
    try:
        yield
    except KeyboardInterrupt:
        errors.print("\nYou no longer follow it; it goes on.", highlight=False)
        for verb, command in (("follow it", f"status {reference} --wait"), ("stop it", f"cancel {reference}")):
            errors.print(f"  {verb + ':':12} dropforge {command}", highlight=False, soft_wrap=True, markup=False)
        raise


def print_part(console: Console, part: Part, last: str) -> None:
    """Print lines of a log that is followed, with a heading where another step begins."""
    if part.step != last:
        console.print(f"== {part.step}", highlight=False, soft_wrap=True, markup=False)
    if part.missed:
        console.print(
            "(lines between may be missing here; the whole log comes when the step has ended)",
            style="dim",
            soft_wrap=True,
        )
    for line in part.lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


STYLES = {"succeeded": "green", "joined": "green", "failed": "red", "rejected": "red", "cancelled": "yellow"}


def roster(lines: Sequence[Line], now: datetime) -> Table:
    """Return runs as a table that fits 80 columns; what is said of a run gives way first."""
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True, min_width=30)
    table.add_column("state", no_wrap=True)
    table.add_column("age", no_wrap=True, justify="right")
    table.add_column("took", no_wrap=True, justify="right")
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    for line in lines:
        took = age(line.at, datetime.fromisoformat(line.ended_at)) if line.ended_at else ""
        again = f" ({line.attempt})" if line.attempt > 1 else ""
        state = Text(line.state + again, STYLES.get(line.state, "cyan"))
        table.add_row(Text(line.id), state, age(line.at, now, 1), took, Text(line.said, "dim"))
    return table


def print_failure(console: Console, found: Failure) -> None:
    """Say what, why, whose move and what to do, then the last lines of the job's log."""
    console.print(Text(f"{found.code}: {found.what}", "bold red"))
    for name, text in (("why", found.why), ("whose move", found.whose), ("what to do", found.next)):
        console.print(f"  {name + ':':12} {text}", highlight=False, soft_wrap=True, markup=False)
    for key, value in found.evidence.items():
        for n, line in enumerate(value if isinstance(value, list) else [value]):
            if line not in (None, ""):
                console.print(
                    f"  {key + ':' if n == 0 else '':12} {line}", highlight=False, soft_wrap=True, markup=False
                )
    if found.log:
        console.print(f"  last lines of the log ({len(found.log)}):")
        for line in found.log[-20:]:
            console.print(f"    {line}", highlight=False, soft_wrap=True, markup=False)


@contextmanager
def upload_bar(console: Console, path: Path, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show how much of a file or folder has gone up, on a terminal and for what takes its time; gives what to tell about bytes."""
    total = sum(file.stat().st_size for file in files_of(path).values())
    if quiet or not console.is_terminal or total < SLOW_BYTES:
        yield lambda _: None
        return
    columns = (TextColumn("uploading"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with ProgressBars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("uploading", total=total)
        yield lambda count: bars.advance(task, count)


def print_reports(console: Console, reports: Sequence[Report]) -> None:
    """Say what was found in each file: how much there is, then every finding on its line, with what to change."""
    for report in reports:
        kind = f"{report.kind} ({report.shape})" if report.kind else "no rows that can be read"
        console.print(Text(f"{report.file}: {report.rows:,} rows, {kind}, {report.role}", "bold"), soft_wrap=True)
        for level, style, counts, first in (
            ("fault", "red", report.counts, report.faults),
            ("warning", "yellow", report.warning_counts, report.warnings),
        ):
            for found in first:
                _print_finding(console, level, style, found)
            for code, count in counts.items():
                left = count - sum(found.code == code for found in first)
                if left:
                    console.print(f"  and {left:,} more of {code}", highlight=False, soft_wrap=True)


def _print_finding(console: Console, level: str, style: str, found: Fault) -> None:
    place = f"line {found.line}" if found.line else "the file"
    column = f", column {found.column}" if found.column else ""
    console.print(Text.assemble("  ", (f"{level}: ", style), f"{place}{column}: {found.why}"), soft_wrap=True)
    console.print(f"    {found.fix}", highlight=False, soft_wrap=True, markup=False)


def print_verdict(console: Console, reports: Sequence[Report], refusal: str) -> None:
    """Say whether an upload would be believed, and if not, why."""
    rows = sum(report.rows for report in reports)
    if refusal:
        console.print(Text(f"rejected: {refusal}", "bold red"), soft_wrap=True)
    else:
        console.print(
            Text(f"accepted: {rows:,} rows in {len(reports)} file{'' if len(reports) == 1 else 's'}", "bold green")
        )


def print_explanation(console: Console, found: Explanation, now: datetime) -> None:
    """Say the answer in three lines, then what it was read from and how old that is."""
    since = f" (for {age(found.since, now)})" if found.since else ""
    console.print(Text(f"{found.where}{since}", "bold"), soft_wrap=True)
    console.print(f"  why:         {found.why}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"  whose move:  {found.whose}. {found.next}", highlight=False, soft_wrap=True, markup=False)
    for fact in found.evidence:
        old = f" ({age(fact.at, now)} ago)" if fact.at else ""
        console.print(Text(f"  {fact.source + ':':12} {fact.said}{old}", "dim"), soft_wrap=True)


def age(at: str, now: datetime, units: int = 2) -> str:
    """Return how long ago a time was (RFC 3339), in the two largest units that matter to people, or in one."""
    seconds = max(0, int((now - datetime.fromisoformat(at)).total_seconds()))
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit} {rest} {smaller}" if rest and units > 1 else f"{seconds // size} {unit}"
    return f"{seconds} s"
