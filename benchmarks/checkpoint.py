"""Verifying a sharded checkpoint of 10 GB by its headers, against hashing it; and whether planted faults are found that way.

The shards are sparse files: their zeros are read and hashed, not stored. A fault is a change of what is read, so that nothing is written.
"""

import hashlib
import json
import struct
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from dropforge.domain.checkpoint_shapes.folders import GLANCE_ON_DISK, Folder
from dropforge.domain.checkpoint_shapes.opening import open_checkpoint
from dropforge.domain.checkpoint_shapes.seal import MANIFEST, MARKER, read_seal
from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.promotions import verify
from dropforge.errors import WorkloadFailed

from benchmarks.measure import Figure, cpu_seconds

SHARDS = 20
INDEX = "model.safetensors.index.json"
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
        refused = sum(_is_refused(folder, whole) for whole in _whole(folder))
        faults = _faults(folder)
        missed = [name for name, fault in faults.items() if not _is_refused(folder, fault)]
    return [
        Figure("size", checked.bytes / 1e9, "GB"),
        Figure("verification", median(t[0] for t in taken) * 1000, "CPU ms"),
        Figure("SHA-256", median(t[1] for t in taken), "CPU s"),
        Figure("requests over S3 beyond one for each shard", requests - SHARDS, "requests", 3),
        Figure("whole ones that are refused", refused, "", 0),
        Figure(
            f"planted faults, of {len(faults)}, that pass{': ' if missed else ''}{', '.join(missed)}",
            len(missed),
            "",
            0,
        ),
        Figure("verification / SHA-256", median(t[0] / t[1] for t in taken), "x", 1 / 2000 if size >= 10_000 else None),
    ]


def _verifying(folder: Path) -> float:
    """Return the CPU seconds of one verification: the clock is too coarse for less than twenty."""
    return cpu_seconds(lambda: [_verify(folder) for _ in range(20)]) / 20


def _make(folder: Path, size: int) -> None:
    each = size // SHARDS // TENSORS // 2
    weights: dict[str, str] = {}
    for shard in range(SHARDS):
        name = _shard(shard + 1)
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
    (folder / INDEX).write_text(json.dumps({"metadata": total, "weight_map": weights}))
    (folder / "config.json").write_text('{"model_type": "llama"}')
    _seal(folder)


def _seal(folder: Path) -> None:
    listed = [{"path": p.name, "bytes": p.stat().st_size, "sha256": "0" * 64} for p in sorted(folder.iterdir())]
    manifest = json.dumps({"kind": "hf", "files": listed}).encode()
    (folder / MANIFEST).write_bytes(manifest)
    (folder / MARKER).write_text(json.dumps({"manifest_sha256": hashlib.sha256(manifest).hexdigest()}))


def _verify(folder: Path) -> Checkpoint:
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    seen = Folder(sizes, partial(_read, folder), glance=GLANCE_ON_DISK)
    return verify(str(folder), seen, read_seal(seen).digest, {})


def _read(folder: Path, path: str, offset: int, length: int) -> bytes:
    with (folder / path).open("rb", buffering=0) as file:
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


class Fault(NamedTuple):
    """What is read otherwise: sizes by path (None for a file that is not there) and the first bytes of files."""

    sizes: dict[str, int | None] = {}  # noqa: RUF012  read only
    first: dict[str, bytes] = {}  # noqa: RUF012  read only
    digest: str = ""


def _faults(folder: Path) -> dict[str, Fault]:
    """Return eleven ways in which the checkpoint could be damaged, by name."""
    one, two = (_shard(number) for number in (1, 2))
    bytes_of = {path.name: path.stat().st_size for path in folder.iterdir()}
    index = json.loads((folder / INDEX).read_text())
    stale = {**index, "weight_map": {**index["weight_map"], "model.layers.0.w0.weight": two}}
    unnamed = {**index, "weight_map": {n: s for n, s in index["weight_map"].items() if n != "model.layers.0.w0.weight"}}
    return {
        "a truncated shard": Fault(sizes={one: bytes_of[one] - 1}),
        "a missing shard": Fault(sizes={one: None}),
        "an empty shard": Fault(sizes={one: 0}),
        "a shard that is too long": Fault(sizes={one: bytes_of[one] + 1}),
        "a stray shard": Fault(sizes={"model-00099-of-00020.safetensors": bytes_of[one]}),
        "two shards that have changed places": Fault(first={one: _header(folder, two), two: _header(folder, one)}),
        "an index that names another shard": Fault(first={INDEX: _padded(stale, bytes_of[INDEX])}),
        "an index that knows less": Fault(first={INDEX: _padded(unnamed, bytes_of[INDEX])}),
        "tensors that overlap": Fault(first={one: _changed(folder, one, data_offsets=[0, 2])}),
        "another dtype": Fault(first={one: _changed(folder, one, dtype="F32")}),
        "another run's manifest": Fault(digest="f" * 64),
    }


def _whole(folder: Path) -> list[Fault]:
    """Return changes that are none: what is read is written in another way only."""
    one, length = _shard(1), (folder / INDEX).stat().st_size
    return [
        Fault(),
        Fault(first={one: _changed(folder, one)}),
        Fault(first={INDEX: _padded(json.loads((folder / INDEX).read_text()), length)}),
    ]


def _shard(number: int) -> str:
    return f"model-{number:05d}-of-{SHARDS:05d}.safetensors"


def _header(folder: Path, name: str) -> bytes:
    with (folder / name).open("rb") as file:
        length: int = struct.unpack("<Q", file.read(8))[0]
        return struct.pack("<Q", length) + file.read(length)


def _changed(folder: Path, name: str, **fields: object) -> bytes:
    """Return a shard's header in which its second tensor says something else."""
    there = _header(folder, name)
    tensors = json.loads(there[8:])
    second = sorted(tensors)[1]
    tensors[second] |= fields
    return there[:8] + _padded(tensors, len(there) - 8)


def _padded(document: object, length: int) -> bytes:
    return json.dumps(document).encode().ljust(length)


def _is_refused(folder: Path, fault: Fault) -> bool:
    whole = {path.name: path.stat().st_size for path in folder.iterdir()}
    sizes = {name: size for name, size in {**whole, **fault.sizes}.items() if size is not None}

    def reading(path: str, offset: int, length: int) -> bytes:
        first = fault.first.get(path, b"")[offset : offset + length]
        return first + _read(folder, path, offset + len(first), length - len(first))

    seal = read_seal(Folder(whole, partial(_read, folder)))
    try:
        verify(str(folder), Folder(sizes, reading), fault.digest or seal.digest, {})
    except WorkloadFailed:
        return True
    return False


def _hash(folder: Path) -> str:
    sha, buffer = hashlib.sha256(), memoryview(bytearray(BLOCK))
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                sha.update(buffer[:count])
    return sha.hexdigest()
