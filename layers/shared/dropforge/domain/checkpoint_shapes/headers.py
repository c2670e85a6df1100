"""Safetensors by their headers: 8 bytes of length, JSON, then the tensors end to end (the format's own documentation).

One read per file: the folder's `glance`. Over S3 that is 256 KiB, which hold the header of a usual shard (about 20 KiB) and of a LoRA adapter on
all seven linears of 80 layers (about 170 KiB, and a test makes one); only a longer header costs a second read. S3 charges by request, and 256 KiB
are little beside the time to its first byte.
"""

import struct
from math import prod
from typing import Annotated

import msgspec

from dropforge.domain.checkpoint_shapes.contents import Tensor
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.refusals import shown

LONGEST = 100_000_000  # bytes of a header: the format's own limit
BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("BF16", "F16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
MOST_DIMENSIONS = 64
Natural = Annotated[int, msgspec.Meta(ge=0)]


class Entry(msgspec.Struct, frozen=True):
    """One tensor of a header: `data_offsets` are its first byte and the one behind its last, counted from the end of the header."""

    dtype: str
    shape: Annotated[tuple[Natural, ...], msgspec.Meta(max_length=MOST_DIMENSIONS)]
    data_offsets: tuple[Natural, Natural]

    @property
    def tensor(self) -> Tensor:
        """The tensor without its place."""
        return Tensor(self.dtype, self.shape, self.data_offsets[1] - self.data_offsets[0])


Entries = dict[str, Entry]


def read_header(folder: Folder, path: str) -> Entries:
    """Return the tensors of a safetensors file by name. Raises NotWhole when header and size do not fit each other exactly."""
    size = folder.sizes[path]
    if size < 8:
        raise folder.broken(path, f"it has {size} bytes: too short for safetensors.")
    begun = folder.read(path, 0, min(size, folder.glance))
    (length,) = struct.unpack("<Q", begun[:8])
    if length > min(size - 8, LONGEST):
        raise folder.broken(path, f"its header claims {length:,} bytes, the file has {size:,}.")
    rest = folder.read(path, len(begun), 8 + length - len(begun)) if 8 + length > len(begun) else b""
    entries = _entries(folder, path, (begun + rest)[8 : 8 + length])
    _check_places(folder, path, size - 8 - length, entries)
    return entries


def _entries(folder: Folder, path: str, raw: bytes) -> Entries:
    header = folder.decoded(path, raw)
    header.pop("__metadata__", None)
    try:
        return msgspec.convert(header, Entries)
    except (msgspec.ValidationError, RecursionError, OverflowError) as error:
        raise folder.broken(path, f"a tensor's entry cannot be read: {shown(error)}.") from error


def _check_places(folder: Folder, path: str, room: int, entries: Entries) -> None:
    at = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        begin, end = entry.data_offsets
        if entry.dtype not in BITS:
            raise folder.broken(path, f"tensor `{shown(name)}` has the unknown type {shown(entry.dtype)}.")
        wanted = -(-prod(entry.shape) * BITS[entry.dtype] // 8)
        if begin != at or end - begin != wanted:
            raise folder.broken(path, f"tensor `{shown(name)}` lies at {begin}-{end}, expected {at}-{at + wanted}.")
        at = end
    if at != room:
        raise folder.broken(path, f"its tensors end at {at:,}, the file at {room:,}.")
