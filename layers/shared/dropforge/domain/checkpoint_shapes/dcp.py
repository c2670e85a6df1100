"""PyTorch's distributed checkpoints: `.metadata` beside `__<rank>_<n>.distcp` files.

`.metadata` is written last, by one process, under another name first (torch/distributed/checkpoint/filesystem.py): that it is there is the
commit. It is a pickle that says for each tensor its size and type, and for each piece the file, the offset and the length. The pieces of a
file lie end to end, so a file that is missing, cut, exchanged for one of another size, or left from another save is found without reading
it. Bytes that changed in place are not.
"""

import re
from collections import defaultdict
from typing import Any

from dropforge.domain.checkpoint_shapes.contents import Contents, Tensor
from dropforge.domain.checkpoint_shapes.folders import Folder, is_plain
from dropforge.domain.checkpoint_shapes.headers import MOST_DIMENSIONS
from dropforge.domain.checkpoint_shapes.pickled import LONGEST, Made, Name, Pairs, UnreadableError, look
from dropforge.domain.checkpoint_shapes.refusals import Unfinished, shown

METADATA = ".metadata"
PIECE = re.compile(r"__\d+_\d+\.distcp")
OPTIMISER = re.compile(r"(optim|optimizer)s?(\.|$)")
DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "bfloat16": "BF16",
    "float16": "F16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}  # torch's names as safetensors spells them
Places = dict[str, list[tuple[int, int]]]


def read_distributed(folder: Folder) -> Contents:
    """Check the distributed checkpoint that lies directly in a folder. Raises NotWhole or Unfinished."""
    if METADATA not in folder.sizes:
        raise Unfinished(
            folder.place + METADATA,
            "it is missing: it is written when all pieces are, so this checkpoint was never finished.",
        )
    fields = _fields(folder)
    places = _places(folder, fields.get("storage_data"))
    for name, stretches in places.items():
        _check_file(folder, name, stretches)
    stray = next((n for n in folder.here() if PIECE.fullmatch(n) and n not in places and folder.sizes[n]), None)
    if stray is not None:
        raise folder.broken(stray, "`.metadata` does not name it: it is left from another save, or `.metadata` is.")
    tensors = _tensors(fields.get("state_dict_metadata"))
    if not places or not tensors:
        raise folder.broken(METADATA, "it names no tensor.")
    return Contents(tensors)


def _fields(folder: Folder) -> dict[str, Any]:
    size = folder.require(METADATA)
    if size > LONGEST:
        raise folder.broken(METADATA, f"it has {size:,} bytes; nothing above {LONGEST:,} is looked at.")
    try:
        top = look(folder.read(METADATA, 0, size))
    except UnreadableError as error:
        raise folder.broken(METADATA, f"{shown(error)}.") from error
    if not isinstance(top, Made) or not top.is_a("Metadata"):
        raise folder.broken(METADATA, "it does not describe a distributed checkpoint.")
    return top.fields()


def _places(folder: Folder, storage: Any) -> Places:
    found: Places = defaultdict(list)
    for _, info in storage if isinstance(storage, Pairs) else ():
        match info.fields() if isinstance(info, Made) else None:
            case {"relative_path": str(name), "offset": int(offset), "length": int(length)} if (
                offset >= 0 and length >= 0
            ):
                found[name].append((offset, offset + length))
            case _:
                raise folder.broken(METADATA, "a piece lacks its file, offset or length.")
    return found


def _check_file(folder: Folder, name: str, stretches: list[tuple[int, int]]) -> None:
    if not is_plain(name):
        raise folder.broken(METADATA, f"it names `{shown(name)}`, which is no file of this folder.")
    size = folder.require(name, "`.metadata` names it")
    at = 0
    for begin, end in sorted(stretches):
        if begin != at:
            raise folder.broken(name, f"`.metadata` has a piece at {begin:,}-{end:,} where one should begin at {at:,}.")
        at = end
    if at != size:
        raise folder.broken(
            name, f"it has {size:,} bytes, `.metadata` says {at:,}: it is cut short, or from another save."
        )


def _tensors(described: Any) -> tuple[Tensor, ...]:
    """Return the tensors of the weights; where only an optimiser's are there, those."""
    pairs = described.named() if isinstance(described, Pairs) else {}
    known = {name: tensor for name, about in pairs.items() if (tensor := _tensor(about)) is not None}
    weights = tuple(tensor for name, tensor in known.items() if not OPTIMISER.match(name))
    return weights or tuple(known.values())


def _tensor(about: Any) -> Tensor | None:
    if not isinstance(about, Made) or not about.is_a("TensorStorageMetadata"):
        return None
    fields = about.fields()
    return Tensor(_dtype(fields.get("properties")), _size(fields.get("size")))


def _dtype(properties: Any) -> str:
    state = properties.state if isinstance(properties, Made) else None
    first = (
        state[0]
        if isinstance(state, tuple) and state
        else properties.fields().get("dtype")
        if isinstance(properties, Made)
        else None
    )
    return DTYPES.get(first.name, shown(first.name)) if isinstance(first, Name) else "unknown"


def _size(size: Any) -> tuple[int, ...]:
    """A torch.Size is a call with one tuple."""
    match size.arguments if isinstance(size, Made) else size:
        case (tuple(inner),):
            found: Any = inner
        case plain:
            found = plain
    is_size = (
        isinstance(found, tuple)
        and len(found) <= MOST_DIMENSIONS
        and all(isinstance(n, int) and 0 <= n < 1 << 63 for n in found)
    )
    return found if is_size else (0,)
