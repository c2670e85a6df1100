"""Checkpoints: whether what lies in S3 is whole.

Structure is judged from manifest.json, the small JSON files and each safetensors header (its first bytes), so a checkpoint of any size is checked
with a few ranged reads. Bytes that flipped inside a tensor are not seen here: the verify job hashed them on FSx, and its digest of the manifest
is compared.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import Field, FiniteFloat, ValidationError

from dropforge.domain.evaluations import Evaluation, Incumbent
from dropforge.domain.values import Received, Sha256, Value
from dropforge.errors import WorkloadFailed

Read = Callable[[str, int, int], bytes]
MANIFEST = "manifest.json"
MARKER = "_SUCCESS.json"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
WEIGHTS = (".safetensors", *PICKLED)


class Checkpoint(Value):
    """A checkpoint that was opened and checked. `digest` is the SHA-256 of its manifest."""

    uri: str
    kind: Literal["peft", "hf"]
    digest: Sha256
    base_model: str
    tensors: int
    bytes: int
    files: int
    loss_before: float | None = None
    loss_after: float | None = None


class Verified(Value):
    """What an attempt of a run has brought to S3, and was found whole there, with what was measured of it and which model it was compared with."""

    attempt: int
    checkpoint: Checkpoint
    evaluation: Evaluation | None = None
    incumbent: Incumbent | None = None


class ListedFile(Received):
    """One line of a checkpoint's manifest."""

    path: str
    sha256: Sha256
    bytes: int


class CheckpointManifest(Received):
    """manifest.json as the trainer writes it, next to last; _SUCCESS.json names its digest."""

    kind: Literal["peft", "hf"]
    files: tuple[ListedFile, ...] = Field(min_length=1)
    base: str | None = None
    loss_before: FiniteFloat | None = None
    loss_after: FiniteFloat | None = None


def reject(why: str, path: str) -> WorkloadFailed:
    """Return the error for a checkpoint that is not whole."""
    return WorkloadFailed("CheckpointRejected", why, {"file": path})


def verify(uri: str, sizes: Mapping[str, int], read: Read, expected_digest: str | None) -> Checkpoint:
    """Open and check a checkpoint. Raises WorkloadFailed (CheckpointRejected) naming the file or tensor.

    `sizes` maps the relative paths that exist to their bytes; `read(path, offset, length)` returns bytes of one of them;
    `expected_digest` is the manifest's SHA-256 as the verify job reported it from FSx.
    """
    manifest, digest = _read_manifest(sizes, read)
    if expected_digest is not None and digest != expected_digest:
        raise reject(f"manifest.json is {digest[:12]}, the verify job read {expected_digest[:12]}.", MANIFEST)
    listed = _check_listing(manifest, sizes)
    tensors = _check_shape(manifest.kind, listed, read)
    return Checkpoint(
        uri=uri,
        kind=manifest.kind,
        digest=digest,
        base_model=manifest.base or "",
        tensors=tensors,
        bytes=sum(file.bytes for file in manifest.files),
        files=len(manifest.files),
        loss_before=manifest.loss_before,
        loss_after=manifest.loss_after,
    )


def _read_manifest(sizes: Mapping[str, int], read: Read) -> tuple[CheckpointManifest, str]:
    for name in (MARKER, MANIFEST):
        if name not in sizes:
            raise reject(f"`{name}` is missing: the checkpoint was not finished.", name)
    raw = read(MANIFEST, 0, sizes[MANIFEST])
    digest = hashlib.sha256(raw).hexdigest()
    marker = _json(read(MARKER, 0, sizes[MARKER]), MARKER)
    if marker.get("manifest_sha256") != digest:
        raise reject("`_SUCCESS.json` names another manifest than the one beside it.", MARKER)
    try:
        return CheckpointManifest.model_validate_json(raw), digest
    except ValidationError as error:
        raise reject(f"manifest.json cannot be read: {error.errors()[0]['msg']}.", MANIFEST) from error


def _check_listing(manifest: CheckpointManifest, sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the bytes of the listed files; only these were hashed on FSx, so only these are looked at."""
    listed = {file.path: file.bytes for file in manifest.files}
    for path, size in listed.items():
        if path not in sizes:
            raise reject(f"`{path}` is listed in manifest.json and missing.", path)
        if sizes[path] != size:
            raise reject(f"`{path}` has {sizes[path]:,} bytes, manifest.json says {size:,}.", path)
    stray = next((p for p in sizes if p.endswith(WEIGHTS) and p not in listed), None)
    if stray is not None:
        raise reject(f"`{stray}` is not listed in manifest.json.", stray)
    pickled = next((p for p in listed if p.endswith(PICKLED)), None)
    if pickled is not None:
        raise reject(f"`{pickled}` is pickled: whoever loads it runs what is in it. Write safetensors.", pickled)
    return listed


def _check_shape(kind: str, listed: Mapping[str, int], read: Read) -> int:
    """Check what is listed as `dropforge verify` does, and open all safetensors beside it (a base model, say); return the number of tensors.

    The shapes are imported here: most functions need this module for its values only.
    """
    from dropforge.domain.checkpoint_shapes import hugging_face, peft  # noqa: PLC0415
    from dropforge.domain.checkpoint_shapes.folders import Folder  # noqa: PLC0415
    from dropforge.domain.checkpoint_shapes.headers import read_header  # noqa: PLC0415
    from dropforge.domain.checkpoint_shapes.refusals import NotWhole  # noqa: PLC0415

    shape, opened = {"peft": peft.SHAPE, "hf": hugging_face.SHAPE}[kind], set[str]()

    def reading(path: str, offset: int, length: int) -> bytes:
        opened.add(path)
        return read(path, offset, length)

    folder = Folder(listed, reading)
    try:
        tensors = len(shape.check(folder).tensors)
        beside = [path for path in listed if path.endswith(".safetensors") and path not in opened]
        return tensors + sum(len(read_header(folder, path)) for path in beside)
    except NotWhole as fault:
        raise reject(f"`{fault.path}`: {fault.why}", fault.path) from fault


def _json(raw: bytes, path: str) -> dict[str, object]:
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise reject(f"`{path}` is not JSON: {error}.", path) from error
    if not isinstance(parsed, dict):
        raise reject(f"`{path}` is not a JSON object.", path)
    return parsed
