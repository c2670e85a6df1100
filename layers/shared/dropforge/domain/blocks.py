"""Streams of bytes: hashed while they pass, unpacked where they are gzip. Nothing here holds more than a block."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator

MAX_PLAIN = 100_000_000_000  # bytes after unpacking: a bomb ends here instead of at the function's time-out


class CorruptStreamError(Exception):
    """The bytes are not what the file's name says they are. The text says why, for people."""


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
    unpacker, total, started = zlib.decompressobj(wbits=31), 0, False
    for block in blocks:
        pending = block
        while pending:
            if unpacker.eof:
                unpacker = zlib.decompressobj(wbits=31)
            plain, pending = _step(unpacker, pending, size)
            started, total = True, total + len(plain)
            if total > MAX_PLAIN:
                raise CorruptStreamError(f"It unpacks to more than {MAX_PLAIN:,} bytes.")
            if plain:
                yield plain
    if started and not unpacker.eof:
        raise CorruptStreamError("The gzip stream ends too early: the upload was cut off.")


def _step(unpacker: "zlib._Decompress", pending: bytes, size: int) -> tuple[bytes, bytes]:
    try:
        plain = unpacker.decompress(pending, size)
    except zlib.error as error:
        raise CorruptStreamError(f"It is not gzip: {error}.") from error
    return plain, unpacker.unconsumed_tail or unpacker.unused_data
