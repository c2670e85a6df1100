"""NeMo 2.0's distributed checkpoints: `weights/` by Megatron Core, `context/` with what made the model.

`weights/metadata.json` is written when all processes have finished; a file `<name>-unfinished` lies beside the folder until then.
"""

from dropforge.domain.checkpoint_shapes.contents import Contents
from dropforge.domain.checkpoint_shapes.dcp import read_distributed
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.refusals import Unfinished, shown
from dropforge.domain.checkpoint_shapes.shape import Shape, check_marker, where

WEIGHTS, CONTEXT = "weights/", "context/"
FINALISED = "metadata.json"


def check(folder: Folder) -> Contents:
    """Check a checkpoint: finished, weights whole, context there. Raises NotWhole or Unfinished."""
    check_marker(folder)
    contents = read_core(folder.below(WEIGHTS))
    folder.read_json(f"{CONTEXT}io.json")
    if f"{CONTEXT}model.yaml" in folder.sizes:
        folder.require(f"{CONTEXT}model.yaml")
    return contents


def read_core(folder: Folder) -> Contents:
    """Check a checkpoint of Megatron Core that lies directly in a folder. Raises NotWhole or Unfinished."""
    if FINALISED not in folder.sizes:
        raise Unfinished(folder.place + FINALISED, "it is missing: it is written when all processes have finished.")
    backend = folder.read_json(FINALISED).get("sharded_backend")
    if backend not in ("torch_dist", "fsdp_dtensor"):
        raise folder.broken(
            FINALISED, f"it says the weights are written by `{shown(backend)}`; only torch_dist can be checked."
        )
    if backend == "torch_dist":
        folder.require("common.pt")
    return read_distributed(folder)


SHAPE = Shape(
    "nemo",
    "a distributed checkpoint of NeMo 2.0",
    where(r"weights/(?:\.metadata|__\d+_\d+\.distcp|metadata\.json|common\.pt)", r"context/(?:io\.json|model\.yaml)"),
    check,
)
