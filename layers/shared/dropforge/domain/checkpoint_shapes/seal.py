"""Our own trainers' seal: `manifest.json` with every file's size and hash, and `_SUCCESS.json` with the manifest's hash, written last.

Checked where it is there, beside the shape. Hashes of weights are not computed here; the sizes must agree, and the marker must name this manifest.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from dropforge.domain.checkpoint_shapes.folders import LONGEST_JSON, Folder
from dropforge.domain.checkpoint_shapes.refusals import NotWhole, Unfinished, shown

MANIFEST, MARKER = "manifest.json", "_SUCCESS.json"


class Line(msgspec.Struct, frozen=True):
    """A file of a manifest; `crc64nvme` as S3 writes it, where the trainer has computed it."""

    path: str
    bytes: int
    sha256: str
    crc64nvme: str | None = None


class Manifest(msgspec.Struct, frozen=True):
    """A manifest, as far as it is read here."""

    files: list[Line]
    kind: str = ""
    base: str | None = None
    loss_before: float | None = None
    loss_after: float | None = None


class Sealed(NamedTuple):
    """A manifest and its SHA-256, 64 hex."""

    manifest: Manifest
    digest: str


def check_seal(folder: Folder) -> None:
    """Compare a folder with its seal, if it has one. Raises NotWhole or Unfinished."""
    if MARKER not in folder.sizes:
        _check_unsealed(folder)
        return
    sealed = read_seal(folder)
    check_marker(folder, sealed.digest)
    check_sizes(folder, sealed.manifest.files)


def read_seal(folder: Folder) -> Sealed:
    """Return a folder's manifest. Raises NotWhole."""
    raw = folder.read(MANIFEST, 0, folder.require(MANIFEST))
    return Sealed(_manifest(folder, raw), hashlib.sha256(raw).hexdigest())


def check_marker(folder: Folder, digest: str) -> None:
    """Raise NotWhole or Unfinished unless the marker is there and names this manifest."""
    if MARKER not in folder.sizes:
        raise Unfinished(folder.place + MARKER, "it is missing: it is written last, when all else is in place.")
    if folder.read_json(MARKER).get("manifest_sha256") != digest:
        raise folder.broken(MARKER, "it names another manifest than the one beside it.")


def check_sizes(folder: Folder, lines: Iterable[Line]) -> None:
    """Raise NotWhole for a file that is missing or has another size than the manifest says."""
    for line in lines:
        if line.path not in folder.sizes:
            raise folder.broken(line.path, "manifest.json lists it, and it is missing.")
        if folder.sizes[line.path] != line.bytes:
            raise folder.broken(
                line.path, f"it has {folder.sizes[line.path]:,} bytes, manifest.json says {line.bytes:,}."
            )


def _check_unsealed(folder: Folder) -> None:
    """A manifest of ours without its marker is half a seal; files of that name by others are theirs."""
    if not 0 < folder.sizes.get(MANIFEST, 0) <= LONGEST_JSON:
        return
    try:
        sealed = read_seal(folder)
    except NotWhole:
        return
    check_marker(folder, sealed.digest)


def _manifest(folder: Folder, raw: bytes) -> Manifest:
    try:
        return msgspec.convert(folder.decoded(MANIFEST, raw), Manifest)
    except (msgspec.ValidationError, RecursionError) as error:
        raise folder.broken(MANIFEST, f"it cannot be read: {shown(error)}.") from error
