"""Files as they were registered, read once: the bytes that are hashed are the bytes that are used.

The comparison comes when the reader is done. A row that cannot be used may be the first sign of a file that changed, so
a wrong file is said before a wrong row in it.
"""

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .errors import OURS, Failure
from .files import CHUNK

AGAIN = "stage the dataset again; if it repeats, compare the object in the bucket with its registered version"


@dataclass(frozen=True)
class Staged:
    """A file as it was registered; `name` is what people call it. What is None was not registered, nor is it compared.

    `ranges_sha256` is the hash of the raw hashes of consecutive ranges of `range_bytes` bytes.
    """

    path: Path
    name: str
    bytes: int | None = None
    sha256: str | None = None
    ranges_sha256: str | None = None
    range_bytes: int = 0

    @property
    def is_registered(self) -> bool:
        """Whether anything is known that the file can be compared with."""
        return (self.bytes, self.sha256, self.ranges_sha256) != (None, None, None)


@dataclass(frozen=True)
class Data:
    """What a model learns from, in order, and what it is only measured on."""

    train: tuple[Staged, ...]
    validation: tuple[Staged, ...] = ()


def by_hand(path: Path, sha256: str | None = None) -> Data:
    """Return one file that nobody registered as data."""
    return Data((Staged(path, path.name, sha256=sha256),))


@contextmanager
def opened(file: Staged) -> Iterator[BinaryIO]:
    """Open a file, and on leaving read the rest and compare all of it. Fails with what was expected and found."""
    try:
        with file.path.open("rb", buffering=0) as raw:
            size = os.fstat(raw.fileno()).st_size
            if file.bytes not in {None, size}:
                raise _differs(file, f"{file.bytes} bytes", str(size))
            hashing = _Hashing(raw, file)
            yield from _compared(file, hashing)
    except OSError as error:
        raise _unreadable(file, error) from error


def read_through(file: Staged) -> int:
    """Read and compare a whole file and return its size in bytes."""
    with opened(file) as stream:
        return _drain(stream)


class _Hashing(io.RawIOBase):
    """A raw file that hashes what is read from it: as a whole, and by ranges where those are registered."""

    def __init__(self, raw: io.FileIO, file: Staged) -> None:
        self._raw = raw
        self._length = file.range_bytes if file.ranges_sha256 is not None else 0
        self._hashes_whole = file.sha256 is not None
        self._whole, self._ranges, self._range = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
        self._missing = self._length  # bytes until the range is full

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = self._raw.readinto(buffer) or 0
        piece = memoryview(buffer)[:count]
        if self._hashes_whole:
            self._whole.update(piece)
        if self._length:
            self._add(piece)
        return count

    def _add(self, piece: memoryview) -> None:
        while piece:
            part, piece = piece[: self._missing], piece[self._missing :]
            self._range.update(part)
            self._missing -= len(part)
            if not self._missing:
                self._end_range()

    def _end_range(self) -> None:
        self._ranges.update(self._range.digest())
        self._range, self._missing = hashlib.sha256(), self._length

    def found(self) -> dict[str, str]:
        """Return the hashes by the names of their registered ones; reading is over."""
        if self._missing < self._length:
            self._end_range()
        return {"sha256": self._whole.hexdigest(), "ranges_sha256": self._ranges.hexdigest()}


def _compared(file: Staged, hashing: _Hashing) -> Iterator[BinaryIO]:
    failed: Failure | None = None
    stream = io.BufferedReader(hashing, CHUNK)
    try:
        yield stream
    except Failure as failure:
        failed = failure
    _drain(stream)
    for kind, digest in hashing.found().items():
        if getattr(file, kind) not in {None, digest}:
            raise _differs(file, f"{kind} {getattr(file, kind)}", digest)
    if failed is not None:
        raise failed


def _drain(stream: BinaryIO) -> int:
    count = 0
    while piece := stream.read(CHUNK):
        count += len(piece)
    return count


def _differs(file: Staged, expected: str, found: str) -> Failure:
    return Failure("file-differs", f"{file.path}: expected {expected}, found {found}", AGAIN, OURS)


def _unreadable(file: Staged, error: OSError) -> Failure:
    if not file.is_registered:
        return Failure("no-file", f"{file.path} cannot be read: {error.strerror}", "give the path of the staged data")
    digest = file.sha256 or file.ranges_sha256
    expected = f"sha256 {digest}" if digest else f"{file.bytes} bytes"
    return Failure("file-missing", f"{file.path}: expected {expected}, found: {error.strerror}", AGAIN, OURS)
