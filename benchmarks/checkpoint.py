"""Verifying a sharded checkpoint of 10 GB by its headers, against hashing it.

The shards are sparse files: their zeros are read and hashed, not stored.
"""

import hashlib
import json
import struct
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.opening import open_checkpoint
from dropforge.domain.checkpoint_shapes.seal import MANIFEST, MARKER, read_seal
from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.promotions import verify

from benchmarks.measure import Figure, cpu_seconds

SHARDS = 20
TENSORS = 32  # of each shard
BLOCK = 1 << 20
TURNS = 3  # hashing takes many seconds


def run(size: int, rounds: int) -> list[Figure]:
    """Measure on a checkpoint of `size` megabytes."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _make(folder, size * 1_000_000)
        taken = [(_verifying(folder), cpu_seconds(lambda: _hash(folder))) for _ in range(min(rounds, TURNS))]
        checked = _verify(folder)
        requests = _requests(folder)
    return [
        Figure("size", checked.bytes / 1e9, "GB"),
        Figure("verification", median(t[0] for t in taken) * 1000, "CPU ms"),
        Figure("SHA-256", median(t[1] for t in taken), "CPU s"),
        Figure("requests over S3 beyond one for each shard", requests - SHARDS, "requests", 3),
        Figure("verification / SHA-256", median(t[0] / t[1] for t in taken), "x", 1 / 2000 if size >= 10_000 else None),
    ]


def _verifying(folder: Path) -> float:
    """Return the CPU seconds of one verification: the clock is too coarse for less than twenty."""
    return cpu_seconds(lambda: [_verify(folder) for _ in range(20)]) / 20


def _make(folder: Path, size: int) -> None:
    each = size // SHARDS // TENSORS // 2
    weights: dict[str, str] = {}
    for shard in range(SHARDS):
        name = f"model-{shard + 1:05d}-of-{SHARDS:05d}.safetensors"
        names = [f"model.layers.{shard}.w{number}.weight" for number in range(TENSORS)]
        places = {t: [n * each * 2, (n + 1) * each * 2] for n, t in enumerate(names)}
        header = json.dumps(
            {t: {"dtype": "BF16", "shape": [each], "data_offsets": at} for t, at in places.items()}
        ).encode()
        with (folder / name).open("wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            file.truncate(8 + len(header) + each * 2 * TENSORS)
        weights |= dict.fromkeys(names, name)
    total = {"total_size": each * 2 * TENSORS * SHARDS}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": total, "weight_map": weights}))
    (folder / "config.json").write_text('{"model_type": "llama"}')
    _seal(folder)


def _seal(folder: Path) -> None:
    listed = [{"path": p.name, "bytes": p.stat().st_size, "sha256": "0" * 64} for p in sorted(folder.iterdir())]
    manifest = json.dumps({"kind": "hf", "files": listed}).encode()
    (folder / MANIFEST).write_bytes(manifest)
    (folder / MARKER).write_text(json.dumps({"manifest_sha256": hashlib.sha256(manifest).hexdigest()}))


def _verify(folder: Path) -> Checkpoint:
    seen = Folder({path.name: path.stat().st_size for path in folder.iterdir()}, partial(_read, folder))
    return verify(str(folder), seen, read_seal(seen).digest, {})


def _read(folder: Path, path: str, offset: int, length: int) -> bytes:
    with (folder / path).open("rb") as file:
        file.seek(offset)
        return file.read(length)


def _requests(folder: Path) -> int:
    """Return how many requests `dropforge verify` makes for the same checkpoint in S3 without our seal: the listing, and each read."""
    read: list[str] = []
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.name not in (MANIFEST, MARKER)}

    def reading(path: str, offset: int, length: int) -> bytes:
        read.append(path)
        return _read(folder, path, offset, length)

    open_checkpoint("s3://bucket/checkpoint", Folder(sizes, reading))
    return 1 + len(read)


def _hash(folder: Path) -> str:
    sha, buffer = hashlib.sha256(), memoryview(bytearray(BLOCK))
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                sha.update(buffer[:count])
    return sha.hexdigest()
