"""Checkpoints of NeMo AutoModel: weights as Hugging Face writes them, beside what is needed to train on.

Two layouts: NeMo's `hf_weights/` or `hf_adapter/` with `context/`; NeMo AutoModel's own `model/` (an adapter, shards, or a whole model in
`model/consolidated/`) with `optim/` and `step_scheduler.pt`.
"""

import re

from dropforge.domain.checkpoint_shapes import hugging_face, peft
from dropforge.domain.checkpoint_shapes.contents import Contents
from dropforge.domain.checkpoint_shapes.dcp import PIECE, read_distributed
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.shape import Shape, check_marker

OLDER = re.compile(r"(?P<root>(?:.*/)?)hf_(?:weights|adapter)/[^/]+", re.S)
OWN = re.compile(r"(?P<root>(?:.*/)?)(?:step_scheduler\.pt|optim/[^/]+|model/consolidated/[^/]+)", re.S)
MODEL = re.compile(r"(?P<root>(?:.*/)?)model/[^/]+(?:/[^/]+)?", re.S)
WEIGHTS = ("hf_weights/", "hf_adapter/", "model/consolidated/", "model/")


def roots(folder: Folder) -> set[str]:
    """Return the folders that hold weights under one of the names, and something that only AutoModel writes."""
    older = {match["root"] for path in folder.sizes if (match := OLDER.fullmatch(path))}
    own = {match["root"] for path in folder.sizes if (match := OWN.fullmatch(path))}
    with_model = {match["root"] for path in folder.sizes if (match := MODEL.fullmatch(path))}
    return older | (own & with_model)


def check(folder: Folder) -> Contents:
    """Check the weights, and the optimiser's state where there is one. Raises NotWhole or Unfinished."""
    check_marker(folder)
    place = next(name for name in WEIGHTS if any(path.startswith(name) for path in folder.sizes))
    contents = _check_weights(folder.below(place))
    optimiser = folder.below("optim/")
    if any(PIECE.fullmatch(name) for name in optimiser.here()):
        read_distributed(optimiser)
    return contents


def _check_weights(folder: Folder) -> Contents:
    if any(PIECE.fullmatch(name) for name in folder.here()):
        return read_distributed(folder)
    return (peft.check if "" in peft.SHAPE.roots(folder) else hugging_face.check)(folder)


SHAPE = Shape("automodel", "a checkpoint of NeMo AutoModel", roots, check)
