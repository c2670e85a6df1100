"""Ranges: the shares of an upload that functions read side by side, each a stretch of one large file or some small files whole.

What a share holds follows from the listing alone, so it is written down nowhere: state carries its number. A line belongs to the range that
it starts in; the reader of that range reads on into the next one until the line ends.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from dropforge.domain.datasets import File, Files, is_packed
from dropforge.errors import InvalidInput

MAX_RANGES = 2_000  # their numbers, and one short answer each, must fit the state of an execution
MAX_TOGETHER = 1_000  # small files in one share: opening one takes longer than reading it


class Slice(NamedTuple):
    """The bytes from `begin` up to `end` of the file at an index of the listing."""

    file: int
    begin: int
    end: int


Range = tuple[Slice, ...]


def divide(listed: Files) -> list[Range]:
    """Return the shares of a listing; those of one file are in order. Raises InvalidInput (DatasetTooLarge) for more than 2,000."""
    shares: list[Range] = []
    together: list[Slice] = []
    room = listed.range_bytes
    for index, file in enumerate(listed.files):
        if is_divided(file, listed.range_bytes):
            shares += [(stretch,) for stretch in _stretches(index, file, listed.range_bytes)]
            continue
        if together and (file.bytes > room or len(together) == MAX_TOGETHER):
            shares.append(tuple(together))
            together, room = [], listed.range_bytes
        together.append(Slice(index, 0, file.bytes))
        room -= file.bytes
    return _limited([*shares, tuple(together)] if together else shares)


def _limited(shares: list[Range]) -> list[Range]:
    if len(shares) > MAX_RANGES:
        why = f"It would be read in {len(shares):,} parts; the limit is {MAX_RANGES:,} (template parameter CheckRangeBytes)."
        raise InvalidInput("DatasetTooLarge", why)
    return shares


def is_divided(file: File, range_bytes: int) -> bool:
    """Whether a file is read in several ranges."""
    return file.bytes > range_bytes and not is_packed(file)


def _stretches(index: int, file: File, size: int) -> list[Slice]:
    return [Slice(index, begin, min(begin + size, file.bytes)) for begin in range(0, file.bytes, size)]


class Stretch:
    """The lines that start in [begin, end) of a file, from blocks that begin one byte before `begin` (at 0 for the first range).

    `sha256` is the digest of exactly the bytes from `begin` up to `end`, once all lines have been read.
    """

    def __init__(self, blocks: Iterable[bytes], begin: int, end: int) -> None:
        self._blocks = blocks
        self._begin = begin
        self._end = end
        self._at = max(begin - 1, 0)
        self._sha = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        """Yield blocks of whole lines, the last one perhaps read beyond `end`."""
        started = self._begin == 0
        for block in self._blocks:
            self._take(block)
            lines = block if started else block.partition(b"\n")[2]
            at = self._at - len(lines)
            if not started and at >= self._end:
                return
            started = started or b"\n" in block
            cut = self._cut(lines, at)
            if lines[:cut]:
                yield lines[:cut]
            if cut is not None:
                return

    def _take(self, block: bytes) -> None:
        self._sha.update(block[max(self._begin - self._at, 0) : max(self._end - self._at, 0)])
        self._at += len(block)

    def _cut(self, lines: bytes, at: int) -> int | None:
        """Return where the last line that starts before `end` is over, or None when it goes on after `lines`, which begin at `at`."""
        found = lines.find(b"\n", max(self._end - 1 - at, 0))
        return found + 1 if found >= 0 else None

    @property
    def sha256(self) -> str:
        """The SHA-256 (64 hex) of the range's own bytes."""
        return self._sha.hexdigest()


def joined_digest(digests: Sequence[str]) -> str:
    """Return the SHA-256 (64 hex) over the raw digests of a file's ranges, in order."""
    return hashlib.sha256(b"".join(bytes.fromhex(one) for one in digests)).hexdigest()
