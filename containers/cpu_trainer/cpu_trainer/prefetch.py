"""Prefetch: read every staged file once, which brings it onto the file system, and compare it with what was registered.

Lazy file systems show names and sizes before they hold the bytes; only reading to the end proves that they arrived.
"""

import json
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import OURS, USAGE, Failure
from .files import sha256_of

AGAIN = "stage the dataset again; if it repeats, compare the object in the bucket with its registered version"


@dataclass(frozen=True)
class Registered:
    """A file as it was registered; `bytes` may be unknown."""

    path: Path
    sha256: str
    bytes: int | None = None


@dataclass(frozen=True)
class Arrived:
    """How much was read."""

    files: int
    bytes: int


def prefetch(files: list[Registered]) -> Arrived:
    """Read and compare every file. Fails naming the first wrong or missing one, what was expected and found."""
    return Arrived(len(files), sum(_compare(file) for file in files))


def registered(sources: list[Path], digests: list[str], sizes: list[int], listed: str | None) -> list[Registered]:
    """Pair up repeated flags and add the files of a JSON list. Fails as a mistake of usage."""
    if len(sources) != len(digests) or len(sizes) not in {0, len(sources)}:
        raise _misused("every --source needs its --sha256, and either all or none have --bytes")
    known: Sequence[int | None] = sizes or [None] * len(sources)
    files = [_file(str(path), digest, size) for path, digest, size in zip(sources, digests, known, strict=True)]
    files += _listed(listed) if listed is not None else []
    if not files:
        raise _misused("there is no file to prefetch")
    return files


def _listed(text: str) -> list[Registered]:
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise _misused(f"--files is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise _misused("--files is not a JSON list")
    return [_entry({"bytes": None} | entry if isinstance(entry, dict) else entry) for entry in entries]


def _entry(entry: object) -> Registered:
    match entry:
        case {"path": str(path), "sha256": str(digest), "bytes": int(size)}:
            return _file(path, digest, size)
        case {"path": str(path), "sha256": str(digest), "bytes": None}:
            return _file(path, digest, None)
    raise _misused(f"--files holds {entry!r}, expected path, sha256 and bytes")


def _file(path: str, digest: str, size: int | None) -> Registered:
    if len(digest) != 64 or not set(digest) <= set(string.hexdigits):
        raise _misused(f"{digest!r} is not a SHA-256 of 64 hex digits")
    return Registered(Path(path), digest.lower(), size)


def _misused(cause: str) -> Failure:
    return Failure("usage", cause, "see prefetch --help", USAGE)


def _compare(file: Registered) -> int:
    try:
        size, digest = file.path.stat().st_size, sha256_of(file.path)
    except OSError as error:
        cause = f"{file.path}: expected sha256 {file.sha256}, found: {error.strerror}"
        raise Failure("file-missing", cause, AGAIN, OURS) from error
    if file.bytes not in {None, size}:
        raise Failure("file-differs", f"{file.path}: expected {file.bytes} bytes, found {size}", AGAIN, OURS)
    if digest != file.sha256:
        cause = f"{file.path}: expected sha256 {file.sha256}, found {digest}"
        raise Failure("file-differs", cause, AGAIN, OURS)
    return size
