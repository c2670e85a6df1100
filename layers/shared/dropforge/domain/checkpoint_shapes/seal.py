"""Our own trainers' seal: `manifest.json` with every file's size and hash, and `_SUCCESS.json` with the manifest's hash, written last.

Checked where it is there, beside the shape. Hashes of weights are not computed here; the sizes must agree, and the marker must name this manifest.
"""

import hashlib

import msgspec

from dropforge.domain.checkpoint_shapes.folders import LONGEST_JSON, Folder
from dropforge.domain.checkpoint_shapes.refusals import NotWhole, Unfinished, shown

MANIFEST, MARKER = "manifest.json", "_SUCCESS.json"


class Line(msgspec.Struct, frozen=True):
    """A file of a manifest."""

    path: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """The part of a manifest that is compared."""

    files: list[Line]


def check_seal(folder: Folder) -> None:
    """Compare a folder with its seal, if it has one. Raises NotWhole or Unfinished."""
    if MARKER not in folder.sizes:
        _check_unsealed(folder)
        return
    raw = folder.read(MANIFEST, 0, folder.require(MANIFEST))
    if folder.read_json(MARKER).get("manifest_sha256") != hashlib.sha256(raw).hexdigest():
        raise folder.broken(MARKER, "it names another manifest than the one beside it.")
    for line in _lines(folder, raw):
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
        _lines(folder, folder.read(MANIFEST, 0, folder.sizes[MANIFEST]))
    except NotWhole:
        return
    raise Unfinished(folder.place + MARKER, "it is missing: it is written last, when all else is in place.")


def _lines(folder: Folder, raw: bytes) -> list[Line]:
    try:
        return msgspec.convert(folder.decoded(MANIFEST, raw), Manifest).files
    except (msgspec.ValidationError, RecursionError) as error:
        raise folder.broken(MANIFEST, f"it cannot be read: {shown(error)}.") from error
