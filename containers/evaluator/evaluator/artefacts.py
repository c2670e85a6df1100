"""Which files a model is made of, looked up before anything is loaded: what is missing is an error that names it.

Evaluating the base because the adapter is not there, unnoticed, is how a model passes that does not exist. So the kind comes from the
sealed manifest and the files must agree with it. Hashes are the verify step's business; sizes are compared here.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from cpu_trainer.errors import OURS, Failure
from cpu_trainer.files import sha256_of

MANIFEST, MARKER = "manifest.json", "_SUCCESS.json"
CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"  # pickled weights run what is in them: nothing of ours loads any
INNER_BASE = "base"
Object = dict[str, object]


@dataclass(frozen=True)
class Artefact:
    """A model to load. `kind` is base, base+adapter or merged; `base` is the folder that an adapter is laid on."""

    role: str
    folder: Path
    kind: str
    manifest_sha256: str
    base: Path | None = None


def missing(role: str, path: Path, what: str) -> Failure:
    """Return the failure of a model of which something is not there. Nothing else is evaluated in its place."""
    cause = f"{role}: expected {what} at {path}, found none"
    return Failure("artefact-missing", cause, "bring the named file back, or run the step that writes it again", OURS)


def open_trained(role: str, folder: Path, base: Path | None) -> Artefact:
    """Open a sealed model: an adapter with its base (inside it, or else `base`), or one that stands alone."""
    manifest, digest = _sealed(role, folder)
    if manifest.get("kind") != "peft":
        _require(role, folder, CONFIG)
        return Artefact(role, folder, "merged", digest)
    _require(role, folder, ADAPTER_CONFIG)
    _require(role, folder, ADAPTER_WEIGHTS)
    inner = folder / INNER_BASE
    own = inner if inner.is_dir() else base
    if own is None:
        raise missing(role, inner, "the adapter's base")
    _require(role, own, CONFIG)
    return Artefact(role, folder, "base+adapter", digest, own)


def open_base(candidate: Artefact, base: Path | None, bases: Path | None) -> Artefact | None:
    """Open what a candidate was trained from: the adapter's base, `base`, or the one that its manifest names in `bases`.

    None when nothing names it; a base that is named and missing is an error.
    """
    folder = candidate.base or base or _named(candidate, bases)
    if folder is None:
        return None
    _require("base", folder, CONFIG)
    own = folder / MANIFEST
    return Artefact("base", folder, "base", sha256_of(own) if own.is_file() else candidate.manifest_sha256)


def _named(candidate: Artefact, bases: Path | None) -> Path | None:
    name = _read("candidate", candidate.folder / MANIFEST).get("base")
    return bases / name if bases is not None and isinstance(name, str) and name else None


def _sealed(role: str, folder: Path) -> tuple[Object, str]:
    """Return a model's manifest and its digest. Every file that it lists must be there, as large as it says."""
    if not folder.is_dir():
        raise missing(role, folder, "a model")
    manifest = _read(role, folder / MANIFEST)
    digest = sha256_of(folder / MANIFEST)
    _check_seal(role, folder, digest)
    for listed in _listed(manifest):
        _check(role, folder, listed)
    return manifest, digest


def _check_seal(role: str, folder: Path, digest: str) -> None:
    """A folder that is named by its manifest's hash got that name when it was whole; any other has a marker that names it."""
    if folder.name != digest and _read(role, folder / MARKER).get("manifest_sha256") != digest:
        cause = f"{role}: {folder / MARKER} names another manifest than the one beside it"
        raise Failure("artefact-unsealed", cause, "run the step that writes the model again", OURS)


def _listed(manifest: Object) -> list[Object]:
    files = manifest.get("files")
    return [file for file in files if isinstance(file, dict)] if isinstance(files, list) else []


def _check(role: str, folder: Path, listed: Object) -> None:
    path = folder / str(listed.get("path"))
    if not path.is_file():
        raise missing(role, path, f"a file of {listed.get('bytes')} bytes")
    if path.stat().st_size != listed.get("bytes"):
        cause = f"{role}: expected {listed.get('bytes')} bytes at {path}, found {path.stat().st_size}"
        raise Failure("artefact-differs", cause, "run the step that writes the model again", OURS)


def _require(role: str, folder: Path, name: str) -> None:
    if not (folder / name).is_file():
        raise missing(role, folder / name, "a file")


def _read(role: str, path: Path) -> Object:
    if not path.is_file():
        raise missing(role, path, "a file")
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise Failure(
            "artefact-broken", f"{role}: {path} is not JSON: {error}", "write the model again", OURS
        ) from error
    return found if isinstance(found, dict) else {}
