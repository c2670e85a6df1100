"""Weights that torch.save has written (`.bin`, `.pt`): a zip archive with the tensors' description in `data.pkl` and one entry per storage.

The list of a zip's entries lies at its end, so a file that was cut has none. Two or three reads per file; nothing is unpickled.
"""

import io
import zipfile
from math import prod
from typing import Any

from dropforge.domain.checkpoint_shapes.contents import Tensor
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.headers import MOST_DIMENSIONS
from dropforge.domain.checkpoint_shapes.pickled import Made, Name, Pairs, UnreadableError, look
from dropforge.domain.checkpoint_shapes.refusals import shown

BLOCK = 256 << 10  # bytes of one read
END = b"PK\x05\x06"  # how the last 22 bytes of a zip without a comment begin
LONGEST = 64 << 20  # bytes of a description
STORAGES = {
    "DoubleStorage": ("F64", 8),
    "FloatStorage": ("F32", 4),
    "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2),
    "LongStorage": ("I64", 8),
    "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2),
    "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}


class _Ranged(io.RawIOBase):
    """A file of a folder as the zip reader wants it: blocks are read when they are needed, and kept."""

    def __init__(self, folder: Folder, path: str) -> None:
        super().__init__()
        self._folder, self._path, self._size = folder, path, folder.sizes[path]
        self._at, self._blocks = 0, dict[int, bytes]()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, length: int | None = -1) -> bytes:
        end = self._size if length is None or length < 0 else min(self._size, self._at + length)
        parts = []
        while self._at < end:
            number, skip = divmod(self._at, BLOCK)
            part = self._block(number)[skip : skip + end - self._at]
            parts.append(part)
            self._at += len(part)
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            begin = number * BLOCK
            self._blocks[number] = self._folder.read(self._path, begin, min(BLOCK, self._size - begin))
        return self._blocks[number]


def read_torch(folder: Folder, path: str) -> dict[str, Tensor]:
    """Return the tensors of a state dict by name. Raises NotWhole when the archive is cut, or a storage is missing or of another size."""
    source = _Ranged(folder, path)
    try:
        with zipfile.ZipFile(source) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            (about,) = (name for name in entries if name.rpartition("/")[2] == "data.pkl")
            described = look(_description(archive, entries[about]))
        source.seek(-22, io.SEEK_END)
        if source.read(4) != END:
            raise UnreadableError("something lies behind its end")
    except (
        zipfile.BadZipFile,
        UnreadableError,
        ValueError,
        NotImplementedError,
        OverflowError,
        RuntimeError,
        EOFError,
        OSError,
    ) as error:
        raise folder.broken(path, "torch.save has not written it, or it is cut short.") from error
    sizes = {
        name.removeprefix(about.removesuffix("data.pkl") + "data/"): entry.file_size for name, entry in entries.items()
    }
    return {name: _checked(folder, path, name, value, sizes) for name, value in _items(described) if _is_tensor(value)}


def _description(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > LONGEST:
        raise UnreadableError("its description is packed or too long")
    return archive.read(entry)


def _items(described: Any) -> list[tuple[str, Any]]:
    pairs = described.items if isinstance(described, Made) else described
    return list(pairs.named().items()) if isinstance(pairs, Pairs) else []


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Made) and isinstance(value.maker, Name) and value.maker.module == "torch._utils"


def _checked(folder: Folder, path: str, name: str, value: Made, sizes: dict[str, int]) -> Tensor:
    inner = value.arguments[0] if value.is_a("_rebuild_parameter") and value.arguments else value
    match inner.arguments if isinstance(inner, Made) else None:
        case (Made(arguments=(("storage", Name(name=kind), str(key), _, int(count)),)), int(), tuple(size), *_):
            pass
        case (Made(arguments=("storage", Name(name=kind), str(key), _, int(count))), int(), tuple(size), *_):
            pass
        case _:
            raise folder.broken(path, f"tensor `{shown(name)}` is described in an unknown way.")
    dtype, width = STORAGES.get(kind, (shown(kind), 0))
    if key not in sizes or (width and sizes[key] != count * width):
        raise folder.broken(
            path,
            f"tensor `{shown(name)}`: its storage has {sizes.get(key, 0):,} bytes, {count * width:,} are described.",
        )
    if len(size) > MOST_DIMENSIONS or not all(isinstance(n, int) and n >= 0 for n in size):
        raise folder.broken(path, f"tensor `{shown(name)}` has no shape that can be.")
    return Tensor(dtype, size, prod(size) * width)
