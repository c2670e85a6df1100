"""The safetensors format: 8 bytes of header length, a JSON header, raw little-endian numbers.

Written here rather than by the library of that name, so that numpy stays the only dependency; the format is that small.
Only float32 is read and written: everything this trainer makes is float32.
Source: https://github.com/huggingface/safetensors#format
"""

import json
import math
import struct
from pathlib import Path

import numpy as np

from .errors import OURS, Failure
from .files import write_whole
from .layers import Array

ALIGNMENT = 8
METADATA = "__metadata__"
DTYPE = "F32"
ITEM_SIZE = 4
LARGEST_HEADER = 100_000_000  # the library refuses longer ones


def write(path: Path, tensors: dict[str, Array]) -> None:
    """Write tensors in order of name, as float32."""
    header: dict[str, object] = {METADATA: {"format": "pt"}}  # transformers insists on the format
    bodies: list[bytes] = []
    end = 0
    for name, tensor in sorted(tensors.items()):
        body = np.ascontiguousarray(tensor, "<f4").tobytes()
        header[name] = {"dtype": DTYPE, "shape": list(tensor.shape), "data_offsets": [end, end + len(body)]}
        bodies.append(body)
        end += len(body)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    write_whole(path, struct.pack("<Q", len(text)) + text + b"".join(bodies))


def read(path: Path) -> dict[str, Array]:
    """Read and check every tensor. Fails naming the file, the tensor, what was expected and what was found."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise broken(path, f"cannot be read: {error.strerror}") from error
    header, start = _header(path, content)
    end = 0
    tensors: dict[str, Array] = {}
    for name, entry in sorted(header.items(), key=lambda item: _offsets(path, *item)):
        shape, stop = _extent(path, name, entry, end)
        if start + stop <= len(content):
            tensors[name] = np.frombuffer(content, "<f4", (stop - end) // ITEM_SIZE, start + end).reshape(shape).copy()
        end = stop
    if start + end != len(content):
        raise broken(path, f"expected {start + end} bytes by its header, found {len(content)}")
    return tensors


def broken(path: Path, cause: str) -> Failure:
    """Return the failure of a model file that is not what it should be."""
    return Failure("bad-model-file", f"{path}: {cause}", "write the model again; do not promote this one", OURS)


def _header(path: Path, content: bytes) -> tuple[dict[str, object], int]:
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, LARGEST_HEADER):
        raise broken(path, f"header of {length} bytes does not fit in a file of {len(content)} bytes")
    try:
        header = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise broken(path, f"header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise broken(path, "header is not a JSON object")
    header.pop(METADATA, None)
    return header, 8 + length


def _offsets(path: Path, name: str, entry: object) -> tuple[int, int]:
    match entry:
        case {"data_offsets": [int(begin), int(end)]}:
            return begin, end
    raise broken(path, f"tensor {name} has no data_offsets")


def _extent(path: Path, name: str, entry: object, expected_begin: int) -> tuple[tuple[int, ...], int]:
    """Return shape and end offset of one tensor, which must begin where the one before it ended."""
    begin, end = _offsets(path, name, entry)
    match entry:
        case {"dtype": "F32", "shape": [*shape]} if all(isinstance(n, int) and n >= 0 for n in shape):
            pass
        case {"dtype": dtype, "shape": [*_]} if dtype != DTYPE:
            raise broken(path, f"tensor {name}: expected dtype {DTYPE}, found {dtype}")
        case _:
            raise broken(path, f"tensor {name} has no dtype and shape")
    if begin != expected_begin:
        raise broken(path, f"tensor {name}: expected to begin at byte {expected_begin}, found {begin}")
    size = math.prod(shape) * ITEM_SIZE
    if end - begin != size:
        raise broken(path, f"tensor {name}: expected {size} bytes for shape {shape}, found {end - begin}")
    return tuple(shape), end
