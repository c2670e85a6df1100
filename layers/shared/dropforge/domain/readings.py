"""Readings: what was found in a slice of a file, and how the slices of one file are put together again."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from dropforge.domain.datasets import Kind
from dropforge.domain.failures import Failure
from dropforge.domain.reports import FIRST, Fault, Report
from dropforge.domain.values import Sha256, Value
from dropforge.errors import InvalidInput

STOPS = "LineTooLong"  # the fault after which the rest of a slice is not read


class Reading(Value):
    """What was found in one slice: its report (lines counted from the slice's first), its digest and its longest row."""

    file: int
    report: Report
    sha256: Sha256
    longest_bytes: int
    longest_line: int


class Readings(Value):
    """What was found in one range of the listing with this digest, or why it could not be read."""

    listing: Sha256
    readings: tuple[Reading, ...] = ()
    failure: Failure | None = None


class Longest:
    """Blocks whose lines are measured while somebody reads them: the bytes and number (from 1) of the longest one."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self._line = 1
        self._open = 0
        self.bytes = 0
        self.line = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the blocks unchanged."""
        for block in self._blocks:
            self._measure(block.split(b"\n"))
            yield block

    def _measure(self, pieces: list[bytes]) -> None:
        lengths = [len(piece) for piece in pieces]
        lengths[0] += self._open
        most = max(lengths)
        if most > self.bytes:
            self.bytes, self.line = most, self._line + lengths.index(most)
        self._line += len(pieces) - 1
        self._open = lengths[-1]


def join(parts: Sequence[Reading]) -> Reading:
    """Return the readings of one file's slices, in order, as one of the file: lines are counted through, the digest is left to the caller."""
    read = _until_stopped(parts)
    starts = [sum(part.report.rows for part in read[:index]) for index in range(len(read))]
    longest = max(range(len(read)), key=lambda index: read[index].longest_bytes)
    report = read[0].report.model_copy(
        update={
            "kind": next((part.report.kind for part in read if part.report.rows), read[0].report.kind),
            "rows": sum(part.report.rows for part in read),
            "good_rows": sum(part.report.good_rows for part in read),
            "counts": dict(sum((Counter(part.report.counts) for part in read), Counter())),
            "faults": tuple(_first_of_each(read, starts)),
        }
    )
    update = {"report": report, "longest_bytes": read[longest].longest_bytes}
    return read[0].model_copy(update={**update, "longest_line": starts[longest] + read[longest].longest_line})


def one_kind(reports: Sequence[Report]) -> Kind:
    """Return the kind of all files. Raises InvalidInput (DatasetRejected) when they are of several."""
    of = {report.kind: report.file for report in reports}
    if len(of) > 1:
        named = ", ".join(f"`{file}` is {kind}" for kind, file in sorted(of.items()))
        raise InvalidInput("DatasetRejected", f"The files are of different kinds: {named}.")
    return cast("Kind", next(iter(of)))


def _until_stopped(parts: Sequence[Reading]) -> Sequence[Reading]:
    """Leave out what lies behind a slice that was not read to its end: nobody knows its lines' numbers."""
    stopped = next((index for index, part in enumerate(parts) if STOPS in part.report.counts), len(parts))
    return parts[: stopped + 1]


def _first_of_each(parts: Sequence[Reading], starts: Sequence[int]) -> Iterator[Fault]:
    kept: Counter[str] = Counter()
    for part, start in zip(parts, starts, strict=True):
        for fault in part.report.faults:
            kept[fault.code] += 1
            if kept[fault.code] <= FIRST:
                yield fault.model_copy(update={"line": start + fault.line})
