"""A stream of bytes as pieces that begin and end with whole lines, so that a block never cuts a row in two.

A line longer than 16 MiB is one piece without bytes: what is left of it is skipped up to its end, and reading goes on behind it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dropforge.domain.checks import MAX_LINE

BLOCK = 64 * 1024  # the fastest size (docs/decisions/0006)


class Piece(NamedTuple):
    """Whole lines without the last line end. `open`: nothing ends the last line, so it may have been cut off. `long`: one line too long to hold."""

    lines: bytes
    open: bool = False
    long: bool = False


def pieces(blocks: Iterable[bytes]) -> Iterator[Piece]:
    """Yield whole lines of `blocks` in any sizes. Holds at most one line of 16 MiB and a block of 64 KiB."""
    rest: list[bytes] = []
    held, skipping = 0, False
    for block in _small(blocks):
        start, first = 0, block.find(b"\n")
        if skipping or held + (first if first >= 0 else len(block)) > MAX_LINE:
            if not skipping:
                yield Piece(b"", long=True)
            rest, held = [], 0
            start, skipping = (first + 1, False) if first >= 0 else (len(block), True)
        end = block.rfind(b"\n", start)
        if end >= 0:
            yield Piece(b"".join((*rest, memoryview(block)[start:end])))
            rest, held, start = [], 0, end + 1
        if start < len(block):
            rest.append(block[start:])
            held += len(block) - start
    if held:
        yield Piece(b"".join(rest), open=True)


def _small(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut blocks to 64 KiB: no block hides a line that is too long, whatever size the caller reads in."""
    for block in blocks:
        if len(block) <= BLOCK:
            yield block
            continue
        for start in range(0, len(block), BLOCK):
            yield block[start : start + BLOCK]
