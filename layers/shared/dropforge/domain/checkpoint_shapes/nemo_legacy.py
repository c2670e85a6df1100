"""Checkpoints of the HyperPod training adapter for NeMo: `full/`, `peft_full/`, `sharded/` and `peft_sharded/` below `checkpoints/`.

`peft_full/steps_<n>/final-model/` is merged after the adapter is written, by one process; while it is there it must be whole.
`sharded/<score>/` has one distributed checkpoint for each tensor and expert rank.
"""

import re

from dropforge.domain.checkpoint_shapes import hugging_face, peft
from dropforge.domain.checkpoint_shapes.contents import Contents, joined
from dropforge.domain.checkpoint_shapes.dcp import read_distributed
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.shape import Shape

MERGED = "final-model/"
STEPS = re.compile(r"(?P<root>(?:.*/)?(?:full|peft_full)/steps_\d+/)[^/]+(?:/.*)?", re.S)
RANKS = re.compile(r"(?P<root>(?:.*/)?(?:sharded|peft_sharded)/[^/]+/)tp\d+_ep\d+/[^/]+", re.S)
MOST_RANKS = 4096
RANK = re.compile(r"(tp(\d{1,6})_ep(\d{1,6})/)[^/]+")


def roots(folder: Folder) -> set[str]:
    """Return the folders of steps and of scores."""
    found = (STEPS.fullmatch(path) or RANKS.fullmatch(path) for path in folder.sizes)
    return {match["root"] for match in found if match}


def check(folder: Folder) -> Contents:
    """Check whichever of the four lies there. Raises NotWhole or Unfinished."""
    ranks = sorted({match[1] for path in folder.sizes if (match := RANK.fullmatch(path))})
    if ranks:
        return _check_ranks(folder, ranks)
    if "" in peft.SHAPE.roots(folder):
        return _check_adapter(folder)
    return hugging_face.check(folder)


def _check_ranks(folder: Folder, ranks: list[str]) -> Contents:
    numbers = [(int(match[2]), int(match[3])) for rank in ranks if (match := RANK.fullmatch(f"{rank}x"))]
    grid = {(tp, ep) for tp, _ in numbers for _, ep in numbers} | {
        (tp, 0) for tp in range(min(max(numbers)[0], MOST_RANKS))
    }
    if missing := grid - set(numbers):
        tp, ep = min(missing)
        raise folder.broken(f"tp{tp}_ep{ep}/.metadata", "it is missing, and the folders of other ranks are there.")
    return joined(read_distributed(folder.below(rank)) for rank in ranks)


def _check_adapter(folder: Folder) -> Contents:
    adapter = peft.check(folder)
    if not any(path.startswith(MERGED) for path in folder.sizes):
        return adapter._replace(
            remarks=(*adapter.remarks, "The merged model (`final-model`) is not there; the adapter is.")
        )
    return hugging_face.check(folder.below(MERGED))._replace(base_model=adapter.base_model)


SHAPE = Shape("nemo-legacy", "a checkpoint of the HyperPod training adapter for NeMo", roots, check)
