"""Prefetch: read every staged file once, which brings it onto the file system, and compare it with what was registered.

Lazy file systems show names and sizes before they hold the bytes; only reading to the end proves that they arrived.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import USAGE, Failure
from .files import is_sha256
from .listing import read_listing
from .report import say
from .staged import Staged, read_through


@dataclass(frozen=True)
class Arrived:
    """How much was read."""

    files: int
    bytes: int


def prefetch(files: Sequence[Staged]) -> Arrived:
    """Read and compare every file. Fails naming the first wrong or missing one, what was expected and found."""
    unhashed = [file.name for file in files if file.sha256 is None and file.ranges_sha256 is None]
    if unhashed:
        say(f"{len(unhashed)} files have no registered hash, only their sizes are compared; the first is {unhashed[0]}")
    return Arrived(len(files), sum(read_through(file) for file in files))


def listed(listing: Path, digests: Sequence[str], mount: Path | None) -> list[Staged]:
    """Return the files of a listing, those for training first. Fails as a mistake of usage without digest and mount."""
    if len(digests) != 1 or mount is None:
        raise _misused("--listing needs one --sha256, that of the listing itself, and --mount")
    data = read_listing(listing, checked(digests[0]), mount)
    return [*data.train, *data.validation]


def registered(sources: Sequence[Path], digests: Sequence[str], sizes: Sequence[int]) -> list[Staged]:
    """Pair up repeated flags. Fails as a mistake of usage."""
    if len(sources) != len(digests) or len(sizes) not in {0, len(sources)}:
        raise _misused("every --source needs its --sha256, and either all or none have --bytes")
    if not sources:
        raise _misused("there is no file to prefetch: give --listing, or --source with --sha256")
    known: Sequence[int | None] = sizes or [None] * len(sources)
    return [
        Staged(path, path.name, size, checked(digest))
        for path, digest, size in zip(sources, digests, known, strict=True)
    ]


def checked(digest: str) -> str:
    """Return a digest in lower case. Fails as a mistake of usage when it is none."""
    if not is_sha256(digest):
        raise _misused(f"{digest!r} is not a SHA-256 of 64 hex digits")
    return digest.lower()


def _misused(cause: str) -> Failure:
    return Failure("usage", cause, "see python -m cpu_trainer STEP --help", USAGE)
