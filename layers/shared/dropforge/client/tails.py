"""A log that is followed: of a running job only its newest lines are seen now and then, of an ended one all of it, once.

What comes next is found by where the lines that were given already lie in those that are seen.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from dropforge.domain.journeys import Journey
from dropforge.domain.runs import Run
from dropforge.domain.values import Value

OVERLAP = 20  # lines: as many as a look of the watcher keeps
LINE = 400  # characters of a line that it keeps


class Part(Value):
    """Lines after those of the same step before. `missed`: lines between may be missing. `uri`: where the whole log lies, once it does."""

    step: str
    lines: list[str]
    missed: bool
    uri: str = ""


class Kept(Protocol):
    """Where whole logs are kept: their steps, in the order in which they ran, and one's lines."""

    def steps(self, run: Run, attempt: int) -> dict[str, str]:
        """Return the URI of the log of each step of an attempt."""

    def lines(self, uri: str) -> list[str]:
        """Return a log's lines."""


def follow(journeys: Iterable[Journey], kept: Kept) -> Iterator[Part]:
    """Yield what a run's jobs say while it goes on, each line once, steps one after another."""
    given: dict[str, list[str]] = {}
    ended: set[str] = set()
    run: Run | None = None
    for journey in journeys:
        run = journey.own_run or run
        progress = journey.progress if journey.own_run is not None else None
        if progress is not None and progress.is_copy:
            progress = None
        live = progress.step if progress is not None and progress.phase != "done" else ""
        if live not in given or journey.status != "RUNNING":  # what ran before a step has ended, and its log is kept
            yield from _ended(kept, run, given, ended)
        if progress is not None and live and live not in ended:
            yield from _more(given, live, list(progress.tail))
    yield from _ended(kept, run, given, ended)


def _ended(kept: Kept, run: Run | None, given: dict[str, list[str]], ended: set[str]) -> Iterator[Part]:
    for step, uri in kept.steps(run, run.attempt).items() if run is not None else ():
        if step not in ended:
            ended.add(step)
            yield from _more(given, step, kept.lines(uri), uri)


def _more(given: dict[str, list[str]], step: str, seen: list[str], uri: str = "") -> Iterator[Part]:
    first, before = step not in given, given.get(step, [])
    after = place_after(before, seen)
    lines = seen[after or 0 :]
    given[step] = (before + lines)[-OVERLAP:]
    if lines or uri or first:
        yield Part(step=step, lines=lines, missed=after is None and bool(before), uri=uri)


def place_after(before: list[str], seen: list[str]) -> int | None:
    """Return where in `seen` the lines begin that come after `before`; None when none of those can be found there."""
    cut = [line[:LINE] for line in seen]
    for length in range(min(len(before), len(cut), OVERLAP), 0, -1):
        wanted = [line[:LINE] for line in before[-length:]]
        for start in range(len(cut) - length, -1, -1):
            if cut[start : start + length] == wanted:
                return start + length
    return None if before else 0
