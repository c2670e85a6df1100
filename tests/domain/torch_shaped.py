"""What torch writes, without torch: pickles that name its classes, and the zip archive of torch.save. tests/hf compares both with the real ones."""

import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

Arrays = Mapping[str, "np.ndarray[Any, Any]"]
METADATA = "torch.distributed.checkpoint.metadata"
FILESYSTEM = "torch.distributed.checkpoint.filesystem"
NAMES = {
    METADATA: (
        "Metadata",
        "TensorStorageMetadata",
        "BytesStorageMetadata",
        "TensorProperties",
        "ChunkStorageMetadata",
        "MetadataIndex",
    ),
    FILESYSTEM: ("_StorageInfo",),
    "torch": ("Size", "FloatStorage", "HalfStorage"),
    "torch._utils": ("_rebuild_tensor_v2",),
}
DTYPES = {np.dtype("float32"): ("float32", "FloatStorage"), np.dtype("float16"): ("float16", "HalfStorage")}


class Dtype:
    """A torch.dtype: pickled as a name of its module."""

    __module__ = "torch"

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> str:
        return self.name


@contextmanager
def torch_names() -> Iterator[dict[str, Any]]:
    """Let the pickler find what it names; gone afterwards."""
    made: dict[str, Any] = {}
    modules = {name: ModuleType(name) for name in ("torch.distributed", "torch.distributed.checkpoint", *NAMES)}
    for module, names in NAMES.items():
        for name in names:
            base = tuple if name == "Size" else object
            made[name] = type(name, (base,), {"__module__": module})
            setattr(modules[module], name, made[name])
    for name, _ in DTYPES.values():
        made[name] = Dtype(name)
        setattr(modules["torch"], name, made[name])
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield made
    finally:
        for name, replaced in before.items():
            if replaced is None:
                del sys.modules[name]
            else:
                sys.modules[name] = replaced


def _made(names: dict[str, Any], name: str, **fields: Any) -> Any:
    value = names[name]()
    value.__dict__.update(fields)
    return value


def distributed(shards: Mapping[str, Arrays], paths: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """A distributed checkpoint: one file per entry of `shards` with its tensors end to end. `paths` renames files in `.metadata` only."""
    files, storage, described = dict[str, bytes](), dict[Any, Any](), dict[str, Any]()
    with torch_names() as names:
        for file, arrays in shards.items():
            content = b""
            for name, array in arrays.items():
                piece = torch_saved({name: array})
                info = {"relative_path": (paths or {}).get(file, file), "offset": len(content), "length": len(piece)}
                chunk = _made(names, "ChunkStorageMetadata", offsets=(0,) * array.ndim, sizes=array.shape)
                described[name] = _described(names, array, chunk)
                storage[_made(names, "MetadataIndex", fqn=name, offset=None, index=0)] = _made(
                    names, "_StorageInfo", **info
                )
                content += piece
            files[file] = content
        top = _made(names, "Metadata", state_dict_metadata=described, planner_data=None, storage_data=storage)
        return {**files, ".metadata": pickle.dumps(top)}


def _described(names: dict[str, Any], array: "np.ndarray[Any, Any]", chunk: Any) -> Any:
    properties = _made(names, "TensorProperties", dtype=names[DTYPES[array.dtype][0]], requires_grad=False)
    size = names["Size"](array.shape)
    return _made(names, "TensorStorageMetadata", properties=properties, size=size, chunks=[chunk])


class Storage:
    """A storage that the pickler writes as a persistent id."""

    def __init__(self, kind: Any, key: str, array: "np.ndarray[Any, Any]") -> None:
        self.id = ("storage", kind, key, "cpu", array.size)


class Rebuilt:
    """A tensor: pickled as a call that would make it from its storage."""

    def __init__(self, call: Any, storage: Storage, array: "np.ndarray[Any, Any]") -> None:
        stride = tuple(step // array.itemsize for step in array.strides)
        self.parts: Any = (call, (storage, 0, array.shape, stride, False, OrderedDict()))

    def __reduce__(self) -> Any:
        return self.parts


class Pickler(pickle.Pickler):
    """torch.save's pickler."""

    def persistent_id(self, value: Any) -> Any:
        return value.id if isinstance(value, Storage) else None


def torch_saved(arrays: Arrays) -> bytes:
    """What torch.save writes for a state dict."""
    with torch_names() as names:
        stored = {name: Storage(names[DTYPES[a.dtype][1]], str(n), a) for n, (name, a) in enumerate(arrays.items())}
        described = OrderedDict(
            (name, Rebuilt(names["_rebuild_tensor_v2"], stored[name], a)) for name, a in arrays.items()
        )
        text = io.BytesIO()
        Pickler(text, protocol=2).dump(described)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as made:
        made.writestr("archive/data.pkl", text.getvalue())
        for number, array in enumerate(arrays.values()):
            made.writestr(f"archive/data/{number}", array.tobytes())
        made.writestr("archive/version", "3\n")
    return archive.getvalue()
