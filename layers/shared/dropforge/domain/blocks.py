"""Streams of bytes: hashed while they pass, unpacked where they are gzip. Nothing here holds more than a block.

Two limits end a gzip bomb long before the function's time-out: on the bytes after unpacking, and on how many times larger than the packed bytes
they are. Deflate reaches 1,000; JSON Lines of even very alike rows stay below 100.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator

MAX_PLAIN = 100_000_000_000  # bytes after unpacking
MAX_RATIO = 200  # plain bytes per packed byte ...
RATIO_FROM = 64 * 1024 * 1024  # ... looked at from this many plain bytes on: a small file may be as alike as it likes


class CorruptStreamError(Exception):
    """The bytes are not what the file's name says they are. The text says why, for people; `code` is one of domain/checks.py."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


class Hashed:
    """Blocks that are counted and hashed while somebody reads them."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self._sha = hashlib.sha256()
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the blocks unchanged."""
        for block in self._blocks:
            self._sha.update(block)
            self.bytes += len(block)
            yield block

    @property
    def sha256(self) -> str:
        """The SHA-256 (64 hex) of what has been read so far."""
        return self._sha.hexdigest()


def gunzip(blocks: Iterable[bytes], size: int = 64 * 1024) -> Iterator[bytes]:
    """Unpack gzip (one member or several) into blocks of at most `size` bytes. Raises CorruptStreamError."""
    stream = _Members(size)
    for block in blocks:
        yield from stream.unpack(block)
    stream.end()


class _Members:
    """The members of one gzip file. Zeros after a member are padding, as gzip itself takes them; anything else is a fault."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._member = zlib.decompressobj(wbits=31)
        self._begun = False  # whether this member has had a byte
        self._whole = 0  # members that ended
        self._packed = self._plain = 0

    def unpack(self, block: bytes) -> Iterator[bytes]:
        self._packed += len(block)
        pending = self._start(block)
        while pending:
            plain, pending = self._step(pending)
            self._plain += len(plain)
            self._limit()
            if plain:
                yield plain

    def _start(self, pending: bytes) -> bytes:
        if self._whole and not self._begun:
            pending = pending.lstrip(b"\0")
        self._begun = self._begun or bool(pending)
        return pending

    def _step(self, pending: bytes) -> tuple[bytes, bytes]:
        try:
            plain = self._member.decompress(pending, self._size)
        except zlib.error as error:
            raise self._broken(error) from error
        if not self._member.eof:
            return plain, self._member.unconsumed_tail
        pending = self._member.unused_data
        self._member, self._begun, self._whole = zlib.decompressobj(wbits=31), False, self._whole + 1
        return plain, self._start(pending)

    def _broken(self, error: zlib.error) -> CorruptStreamError:
        if "incorrect header" not in str(error):
            return CorruptStreamError("GzipBroken", f"The gzip stream is damaged: {error}.")
        if self._whole:
            return CorruptStreamError("GzipTrailing", "Bytes that are not gzip follow the gzip stream.")
        return CorruptStreamError("NotGzip", f"It is not gzip: {error}.")

    def _limit(self) -> None:
        if self._plain > MAX_PLAIN:
            raise CorruptStreamError("UnpacksTooLarge", f"It unpacks to more than {MAX_PLAIN:,} bytes.")
        if self._plain > RATIO_FROM and self._plain > MAX_RATIO * self._packed:
            why = f"{self._packed:,} packed bytes unpack to more than {MAX_RATIO} times as many."
            raise CorruptStreamError("UnpacksTooLarge", why)

    def end(self) -> None:
        if self._begun:
            raise CorruptStreamError("GzipCutOff", "The gzip stream ends too early: the upload was cut off.")
