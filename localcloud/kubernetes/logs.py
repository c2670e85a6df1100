"""The log of a container: what it printed, and when it began to print each line.

The output goes through a pipe, because only the reader at its other end can tell the time of a line; a container runtime does the same.
"""

import os
import select
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from localcloud.kubernetes import clock

_CHUNK = 65536
_SECOND = 1_000_000_000


@dataclass(frozen=True)
class Line:
    """One line with its end (the last one may have none) and the time it was begun, in nanoseconds since the epoch."""

    began: int
    text: bytes

    @property
    def stamped(self) -> bytes:
        """Give the line behind its time, as `timestamps=true` asks: RFC 3339 with all nine digits, in UTC."""
        moment = datetime.fromtimestamp(self.began // _SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return b"%s.%09dZ %s" % (moment.encode(), self.began % _SECOND, self.text)


@dataclass
class Log:
    """Everything a container printed, over all its restarts, in the file `path`."""

    path: Path
    _begins: list[tuple[int, int]] = field(default_factory=list)
    _size: int = 0
    _inside: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def append(self, chunk: bytes) -> None:
        """Write what was printed just now."""
        now = clock.nanoseconds()
        with self._lock, self.path.open("ab") as file:
            place = 0
            for part in _lines(chunk):
                if not self._inside:
                    self._begins.append((self._size + place, now))
                self._inside = not part.endswith(b"\n")
                place += len(part)
            file.write(chunk)
            self._size += len(chunk)

    def lines(self) -> list[Line]:
        """Give every line there is."""
        with self._lock:
            content, begins = self.path.read_bytes(), list(self._begins)
        ends = [*(place for place, _ in begins), len(content)][1:]
        return [Line(began, content[place:end]) for (place, began), end in zip(begins, ends, strict=True)]


def _lines(chunk: bytes) -> Iterator[bytes]:
    """Split at line feeds only: a carriage return, as progress bars print it, does not end a line."""
    *whole, rest = chunk.split(b"\n")
    yield from (part + b"\n" for part in whole)
    if rest:
        yield rest


class Drain:
    """Copies a pipe into a log, in a thread of its own; `writer` is the end that a program prints into."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._reader, self.writer = os.pipe()
        self._woken, self._wake = os.pipe()
        self._thread = clock.thread(self._copy, f"log-{log.path.stem}")

    def start(self) -> None:
        """Begin to copy, once the program holds its end of the pipe."""
        os.close(self.writer)
        os.set_blocking(self._reader, False)
        self._thread.start()

    def finish(self) -> None:
        """Copy what is left and stop, also where some process that outlived the program still holds the pipe."""
        os.close(self._wake)
        self._thread.join()
        os.close(self._reader)
        os.close(self._woken)

    def abandon(self) -> None:
        """Close everything: there was no program."""
        for end in (self._reader, self.writer, self._woken, self._wake):
            os.close(end)

    def _copy(self) -> None:
        watched = select.poll()
        watched.register(self._reader, select.POLLIN)
        watched.register(self._woken, select.POLLIN)
        while self._woken not in dict(watched.poll()):
            if not self._copy_all():  # the end of the pipe
                return
        self._copy_all()

    def _copy_all(self) -> bool:
        try:
            while chunk := os.read(self._reader, _CHUNK):
                self._log.append(chunk)
        except BlockingIOError:
            return True
        return False
