"""Checkpoints: whether what lies in S3 is whole.

Structure is judged from manifest.json, the small JSON files and each safetensors header (its first bytes), so a checkpoint of any size is checked
with a few ranged reads. Bytes that flipped inside a tensor are not seen here: the verify job hashed them on FSx, and its digest of the manifest
is compared.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field, FiniteFloat, ValidationError

from dropforge.domain.values import Received, Sha256, Value
from dropforge.errors import WorkloadFailed

if TYPE_CHECKING:
    from dropforge.domain.checkpoint_shapes.headers import Entries, Entry

Read = Callable[[str, int, int], bytes]
MANIFEST = "manifest.json"
MARKER = "_SUCCESS.json"


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
    """What an attempt of a run has brought to S3, and was found whole there."""

    attempt: int
    checkpoint: Checkpoint


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
    tensors: dict[str, Entries] = {
        file.path: _check_header(file.path, file.bytes, read)
        for file in manifest.files
        if file.path.endswith(".safetensors")
    }
    (_check_adapter if manifest.kind == "peft" else _check_full)(tensors, listed, read)
    return Checkpoint(
        uri=uri,
        kind=manifest.kind,
        digest=digest,
        base_model=manifest.base or "",
        tensors=sum(len(found) for found in tensors.values()),
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
    stray = next((p for p in sizes if p.endswith(".safetensors") and p not in listed), None)
    if stray is not None:
        raise reject(f"`{stray}` is not listed in manifest.json.", stray)
    return listed


def _check_header(path: str, size: int, read: Read) -> "Entries":
    # Most functions import this module for its values only, and need not pay for msgspec.
    from dropforge.domain.checkpoint_shapes.folders import Folder  # noqa: PLC0415
    from dropforge.domain.checkpoint_shapes.headers import read_header  # noqa: PLC0415
    from dropforge.domain.checkpoint_shapes.refusals import NotWhole  # noqa: PLC0415

    try:
        return read_header(Folder({path: size}, read), path)
    except NotWhole as fault:
        raise reject(f"`{path}`: {fault.why}", path) from fault


class _AdapterConfig(Received):
    r: int = Field(gt=0)
    base_model_name_or_path: str = Field(min_length=1)
    target_modules: tuple[str, ...] = Field(min_length=1)


def _check_adapter(tensors: dict[str, "Entries"], listed: Mapping[str, int], read: Read) -> None:
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if name not in listed:
            raise reject(f"`{name}` is missing, or not listed in manifest.json.", name)
    try:
        config = _AdapterConfig.model_validate(
            _json(read("adapter_config.json", 0, listed["adapter_config.json"]), "adapter_config.json")
        )
    except ValidationError as error:
        raise reject(
            f"adapter_config.json: {error.errors()[0]['loc']} {error.errors()[0]['msg']}.", "adapter_config.json"
        ) from error
    adapter = tensors["adapter_model.safetensors"]
    if not adapter:
        raise reject("The adapter holds no tensor.", "adapter_model.safetensors")
    for name, tensor in adapter.items():
        _check_pair(name, tensor, adapter, config)


def _check_pair(name: str, tensor: "Entry", adapter: "Entries", config: _AdapterConfig) -> None:
    path = "adapter_model.safetensors"
    if ".lora_A." not in name and ".lora_B." not in name:
        raise reject(f"Tensor `{name}` is not part of a LoRA adapter.", path)
    first = ".lora_A." in name
    partner = name.replace(".lora_A.", ".lora_B.") if first else name.replace(".lora_B.", ".lora_A.")
    if partner not in adapter:
        raise reject(f"Tensor `{name}` has no `{partner}`.", path)
    rank = tensor.shape[0 if first else -1] if len(tensor.shape) == 2 else 0
    if rank != config.r:
        raise reject(f"Tensor `{name}` has rank {rank}, adapter_config.json says {config.r}.", path)
    if not any(f".{module}." in name for module in config.target_modules):
        raise reject(f"Tensor `{name}` belongs to no module of `target_modules`.", path)


class _Index(Received):
    weight_map: dict[str, str]


def _check_full(tensors: dict[str, "Entries"], listed: Mapping[str, int], read: Read) -> None:
    if "config.json" not in listed:
        raise reject("`config.json` is missing, or not listed in manifest.json.", "config.json")
    _json(read("config.json", 0, listed["config.json"]), "config.json")
    index = "model.safetensors.index.json"
    if index in listed:
        _check_index(index, tensors, _json(read(index, 0, listed[index]), index))
    elif not tensors.get("model.safetensors"):
        raise reject("`model.safetensors` is missing or holds no tensor.", "model.safetensors")


def _check_index(index: str, tensors: dict[str, "Entries"], document: dict[str, object]) -> None:
    try:
        weights = _Index.model_validate(document).weight_map
    except ValidationError as error:
        raise reject(f"`{index}` cannot be read: {error.errors()[0]['msg']}.", index) from error
    for name, file in weights.items():
        if name not in tensors.get(file, {}):
            raise reject(f"Tensor `{name}` is not in `{file}`, where the index says it is.", file)
    stray = next((n for found in tensors.values() for n in found if n not in weights), None)
    if stray is not None:
        raise reject(f"Tensor `{stray}` is not in the index.", index)


def _json(raw: bytes, path: str) -> dict[str, object]:
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise reject(f"`{path}` is not JSON: {error}.", path) from error
    if not isinstance(parsed, dict):
        raise reject(f"`{path}` is not a JSON object.", path)
    return parsed
