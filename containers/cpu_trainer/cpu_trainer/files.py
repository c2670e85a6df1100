"""Writing files so that a reader never sees half of one, and hashing them.

Every write is temp file, fsync, rename, fsync of the directory: after a crash a name holds the old bytes or the new.
"""

import base64
import hashlib
import json
import os
import string
from pathlib import Path

import anycrc

CHUNK = 1 << 20


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` with `content` durably and at once, creating its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_json(path: Path, value: object) -> None:
    """Write `value` as readable JSON in the manner of `write_whole`."""
    write_whole(path, (json.dumps(value, indent=2) + "\n").encode())


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file, read in pieces so that its size does not matter."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def crc64nvme_of(path: Path) -> str:
    """Return the CRC-64/NVME of a file as S3 writes it: base64 of eight bytes, the most significant first."""
    crc, found = anycrc.Model("CRC64-NVME"), 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            found = crc.calc(piece, found)
    return base64.b64encode(found.to_bytes(8, "big")).decode()


def is_sha256(text: str) -> bool:
    """Whether a text is a SHA-256 in hex."""
    return len(text) == 64 and set(text) <= set(string.hexdigits)
