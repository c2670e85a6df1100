"""Weights in one file or in shards with an index, as Hugging Face libraries write them."""

import re
from collections import defaultdict
from typing import NamedTuple

import msgspec

from dropforge.domain.checkpoint_shapes.contents import Contents, Tensor
from dropforge.domain.checkpoint_shapes.folders import Folder, is_plain
from dropforge.domain.checkpoint_shapes.headers import read_header
from dropforge.domain.checkpoint_shapes.refusals import shown
from dropforge.domain.checkpoint_shapes.torch_files import read_torch

SHARD = re.compile(r"(model|pytorch_model|adapter_model|shard-\d+-model)-(\d+)-of-(\d+)\.(safetensors|bin)")


class Index(msgspec.Struct, frozen=True):
    """The file of a tensor, by name; `metadata.total_size` is the bytes of all tensors."""

    weight_map: dict[str, str]
    metadata: dict[str, object] | None = None


class Weights(NamedTuple):
    """The tensors of each file by name."""

    files: dict[str, dict[str, Tensor]]

    @property
    def contents(self) -> Contents:
        """All tensors."""
        return Contents(tuple(tensor for tensors in self.files.values() for tensor in tensors.values()))


def read_weights(folder: Folder, stem: str) -> Weights:
    """Check `<stem>.safetensors`, its shards, or the same as `.bin`. Raises NotWhole naming the file that is wrong."""
    suffix = "bin" if _is_torch(folder, stem) else "safetensors"
    single, index = f"{stem}.{suffix}", f"{stem}.{suffix}.index.json"
    names = [name for name in folder.here() if name.endswith(f".{suffix}")]
    if index in folder.sizes:
        return _indexed(folder, index, [name for name in names if SHARD.fullmatch(name) or name == single])
    if shard := next((name for name in names if SHARD.fullmatch(name)), None):
        raise folder.broken(index, f"it is missing: `{shard}` is a shard, and only the index says of what.")
    folder.require(single)
    found = Weights({single: read_file(folder, single)})
    if not found.files[single]:
        raise folder.broken(single, "it holds no tensor.")
    return found


def read_file(folder: Folder, path: str) -> dict[str, Tensor]:
    """Return the tensors of a file of weights by name. Raises NotWhole."""
    folder.require(path)
    if path.endswith(".safetensors"):
        return {name: entry.tensor for name, entry in read_header(folder, path).items()}
    return read_torch(folder, path)


def _is_torch(folder: Folder, stem: str) -> bool:
    """Whether there are only torch.save's files; where there are both, the others are what libraries load."""
    kinds = {name.rpartition(".")[2] for name in folder.here() if name.startswith(stem) and not name.endswith(".json")}
    indexes = f"{stem}.bin.index.json" in folder.sizes and f"{stem}.safetensors.index.json" not in folder.sizes
    return "safetensors" not in kinds and ("bin" in kinds or indexes)


def _indexed(folder: Folder, path: str, present: list[str]) -> Weights:
    index = _read_index(folder, path)
    shards: dict[str, set[str]] = defaultdict(set)
    for tensor, file in index.weight_map.items():
        shards[file].add(tensor)
    _check_names(folder, path, set(shards), present)
    found = Weights(folder.ask(lambda file: read_file(folder, file), shards))
    for file, tensors in found.files.items():
        _compare(folder, path, file, (set(tensors), shards[file]))
    _check_total(folder, path, index, found)
    return found


def _read_index(folder: Folder, path: str) -> Index:
    try:
        index = msgspec.convert(folder.read_json(path), Index)
    except (msgspec.ValidationError, RecursionError) as error:
        raise folder.broken(path, f"it cannot be read: {shown(error)}.") from error
    if not index.weight_map:
        raise folder.broken(path, "it names no tensor.")
    return index


def _check_names(folder: Folder, path: str, shards: set[str], present: list[str]) -> None:
    for file in sorted(shards):
        if not is_plain(file) or not file.endswith((".safetensors", ".bin")):
            raise folder.broken(path, f"it names `{shown(file)}`, which is no file of weights in this folder.")
        folder.require(file, "the index names it")
    stray = next((name for name in present if name not in shards), None)
    if stray is not None:
        raise folder.broken(stray, "the index does not name it: it is left from another save, or the index is.")


def _compare(folder: Folder, path: str, file: str, both: tuple[set[str], set[str]]) -> None:
    there, named = both
    if missing := named - there:
        raise folder.broken(file, f"it lacks tensor `{shown(min(missing))}`, which the index says it holds.")
    if extra := there - named:
        raise folder.broken(
            file, f"it holds tensor `{shown(min(extra))}`, which the index puts elsewhere or forgets: see `{path}`."
        )


def _check_total(folder: Folder, path: str, index: Index, found: Weights) -> None:
    total = (index.metadata or {}).get("total_size")
    tensors = found.contents.tensors
    measured = sum(tensor.bytes for tensor in tensors)
    is_known = all(tensor.bytes or not tensor.elements for tensor in tensors)
    if isinstance(total, int) and is_known and total != measured:
        raise folder.broken(path, f"it says {total:,} bytes in all, the tensors have {measured:,}.")
