"""What a file is when it is not JSON Lines, told from its first 4 KiB: one clear fault instead of one for each line."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from dropforge.domain.reports import Fault

OPENING = 4096
_MAGIC = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "gzip (its name does not end in .gz)",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"ARROW1": "Arrow",
    b"Obj\x01": "Avro",
    b"%PDF": "PDF",
    b"SQLite format 3": "an SQLite database",
}
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"{\x00", b"\x00{", b"[\x00", b"\x00[", b"\x00\x00\x00{")
_HEADER = re.compile(rb'"?[A-Za-z_][\w .-]{0,60}"?([,;\t]"?[A-Za-z_][\w .-]{0,60}"?)+')


def opening(blocks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first 4 KiB, or the whole of a shorter stream, and all blocks from the start."""
    source = iter(blocks)
    taken: list[bytes] = []
    while sum(map(len, taken)) < OPENING:
        block = next(source, None)
        if block is None:
            break
        taken.append(block)
    return b"".join(taken)[:OPENING], chain(taken, source)


def foreign(head: bytes) -> Fault | None:
    """Return the fault of a file whose first bytes are those of another format."""
    name = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    if name is not None:
        return Fault.of("NotJsonLines", f"The file is {name}.")
    if head.startswith(_WIDE):
        return Fault.of("Utf16File")
    first, _, after = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    return _text_format(first.strip(), after)


def _text_format(first: bytes, after: bytes) -> Fault | None:
    if first.startswith(b"[") and not (first.endswith(b"]") and after.strip()):
        return Fault.of("JsonArray")
    if first == b"{" and after.strip():
        return Fault.of("NotJsonLines", "The file is JSON written over several lines.")
    if _HEADER.fullmatch(first) and after.strip() and not after.lstrip().startswith(b"{"):
        return Fault.of("NotJsonLines", "The file is CSV.")
    return None
