"""A sealed folder: a manifest of every file with its hash, and a marker with the manifest's hash, written last.

The chain of hashes is what makes the marker's place provable: it can only have been made when all else was in place.
A folder that is named by its manifest's hash needs no marker: it got its name when it was whole (exports.py).
File times are not consulted, because copies between file systems do not keep them.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from .errors import OURS, Failure
from .files import crc64nvme_of, sha256_of, sync_folder, write_json

MANIFEST, MARKER = "manifest.json", "_SUCCESS.json"
KINDS = ("peft", "hf")


@dataclass(frozen=True)
class Entry:
    """One file of a sealed folder; `path` is relative to it. `crc64nvme` is what S3 says of the file once it is there."""

    path: str
    sha256: str
    bytes: int
    crc64nvme: str | None = None


@dataclass(frozen=True)
class Origin:
    """How a model came to be. Losses are those of its objective, on the same sample before and after.

    `validation_loss` is the same for rows that were held out, where there are some.
    """

    kind: str
    step: int
    loss_before: float
    loss_after: float
    base: str | None
    seed: int
    validation_loss_before: float | None = None
    validation_loss: float | None = None


@dataclass(frozen=True)
class Whole:
    """What was found in a folder whose hashes all agree: what its manifest says, and its files."""

    manifest: dict[str, object]
    files: tuple[Entry, ...]
    manifest_sha256: str


@dataclass(frozen=True)
class Sealed:
    """A model whose hashes all agree."""

    origin: Origin
    files: tuple[Entry, ...]
    manifest_sha256: str


def unseal(folder: Path) -> None:
    """Take the marker away before anything in the folder changes."""
    if (folder / MARKER).exists():
        (folder / MARKER).unlink()
        sync_folder(folder)


def seal(folder: Path, origin: Origin, names: Sequence[str]) -> str:
    """Seal a model and return the manifest's hash."""
    return seal_files(folder, asdict(origin), names)


def seal_files(folder: Path, about: dict[str, object], names: Sequence[str]) -> str:
    """Write the manifest of `names` and what there is to say about them, then the marker; return the manifest's hash."""
    entries = [_entry_of(folder / name, name) for name in sorted(names)]
    write_json(folder / MANIFEST, {**about, "files": [asdict(entry) for entry in entries]})
    digest = sha256_of(folder / MANIFEST)
    write_json(folder / MARKER, {"manifest_sha256": digest})
    return digest


def _entry_of(path: Path, name: str) -> Entry:
    return Entry(name, sha256_of(path), path.stat().st_size, crc64nvme_of(path))


def read_sealed(folder: Path) -> Sealed:
    """Re-hash a model. Fails naming the file, what was expected and what was found."""
    whole = read_whole(folder)
    return Sealed(_origin(whole.manifest), whole.files, whole.manifest_sha256)


def read_whole(folder: Path) -> Whole:
    """Re-hash everything that was sealed. Fails naming the file, what was expected and what was found."""
    manifest = _json_object(folder / MANIFEST)
    digest = sha256_of(folder / MANIFEST)
    _check_marker(folder, digest)
    files = _entries(manifest)
    for entry in files:
        _check(folder, entry)
    _refuse_strangers(folder, files)
    return Whole(manifest, files, digest)


def _check_marker(folder: Path, digest: str) -> None:
    if folder.name == digest:
        return
    named = _json_object(folder / MARKER).get("manifest_sha256")
    if named != digest:
        raise unsealed(MANIFEST, f"expected sha256 {named} by {MARKER}, found {digest}")


def unsealed(name: str, cause: str) -> Failure:
    """Return the failure of a folder that is not whole."""
    return Failure("not-whole", f"{name}: {cause}", "run the step that writes it again; do not promote it", OURS)


def _json_object(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise unsealed(path.name, f"expected in {path.parent}, found: {error.strerror}") from error
    except ValueError as error:
        raise unsealed(path.name, f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise unsealed(path.name, "is not a JSON object")
    return value


def _origin(manifest: dict[str, object]) -> Origin:
    match manifest:
        case {
            "kind": str(kind),
            "step": int(step),
            "loss_before": float(before),
            "loss_after": float(after),
            "base": str() | None as base,
            "seed": int(seed),
        } if kind in KINDS:
            held_out = (_number(manifest, key) for key in ("validation_loss_before", "validation_loss"))
            return Origin(kind, step, before, after, base, seed, *held_out)
    raise unsealed(MANIFEST, f"expected kind ({' or '.join(KINDS)}), step, losses, base and seed")


def _number(manifest: dict[str, object], key: str) -> float | None:
    value = manifest.get(key)
    if value is not None and not isinstance(value, float):
        raise unsealed(MANIFEST, f"expected {key} to be a number or null, found {value!r}")
    return value


def _entries(manifest: dict[str, object]) -> tuple[Entry, ...]:
    match manifest:
        case {"files": [*files]} if files:
            return tuple(_entry(file) for file in files)
    raise unsealed(MANIFEST, "expected a list of at least one file")


def _entry(file: object) -> Entry:
    match file:
        case {"path": str(path), "sha256": str(sha256), "bytes": int(size), **more} if _is_inside(path):
            crc = more.get("crc64nvme")
            return Entry(path, sha256, size, crc if isinstance(crc, str) else None)
    raise unsealed(MANIFEST, f"expected path inside the folder, sha256 and bytes of a file, found {file!r}")


def _is_inside(path: str) -> bool:
    return path != "" and not path.startswith("/") and ".." not in PurePosixPath(path).parts


def _check(folder: Path, entry: Entry) -> None:
    path = folder / entry.path
    if not path.is_file():
        raise unsealed(entry.path, f"expected {entry.bytes} bytes, found no file")
    if (size := path.stat().st_size) != entry.bytes:
        raise unsealed(entry.path, f"expected {entry.bytes} bytes, found {size}")
    if (digest := sha256_of(path)) != entry.sha256:
        raise unsealed(entry.path, f"expected sha256 {entry.sha256}, found {digest}")


def _refuse_strangers(folder: Path, files: Sequence[Entry]) -> None:
    """Weights that the manifest does not name would be picked up by programs that look for *.safetensors."""
    known = {entry.path for entry in files}
    for path in sorted(folder.rglob("*.safetensors")):
        name = path.relative_to(folder).as_posix()
        if name not in known:
            raise unsealed(name, f"expected only files that {MANIFEST} names, found this one too")
