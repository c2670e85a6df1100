"""Checkpoints of Megatron Bridge: `iter_<n>/` by Megatron Core with `run_config.yaml` and `train_state.pt`.

A tracker beside the folders (`latest_checkpointed_iteration.txt`, `latest_train_state.pt`) is written after them: what is newer than it
says was not finished.
"""

import re

from dropforge.domain.checkpoint_shapes import nemo
from dropforge.domain.checkpoint_shapes.contents import Contents
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.refusals import Unfinished, shown
from dropforge.domain.checkpoint_shapes.shape import Shape, where

CONFIG, STATE = "run_config.yaml", "train_state.pt"
TRACKER, LATEST = "latest_checkpointed_iteration.txt", "latest_train_state.pt"
ITERATION = re.compile(r"(?P<root>(?:.*/)?)iter_(?P<step>\d{1,12})/", re.S)
LONGEST = 1 << 20  # bytes of the configuration in which the base is looked for
BASE = re.compile(
    rb"^\s*(?:hf_model_id|pretrained_checkpoint|pretrained_model_name_or_path):\s*['\"]?([^\s'\"#]+)", re.M
)


def check(folder: Folder) -> Contents:
    """Check an iteration. Raises NotWhole or Unfinished."""
    _check_tracker(folder)
    size = folder.require(CONFIG)
    folder.require(STATE)
    match = BASE.search(folder.read(CONFIG, 0, min(size, LONGEST)))
    base = match[1].decode(errors="replace") if match else ""
    return nemo.read_core(folder)._replace(base_model="" if base in ("null", "~") else shown(base))


def _check_tracker(folder: Folder) -> None:
    """Where the folders of iterations are seen together, one of the trackers is there, and names no older one."""
    number = ITERATION.fullmatch(folder.place)
    if number is None or folder.around is None:
        return
    tracker = folder.neighbour(TRACKER)
    if tracker is None:
        if folder.neighbour(LATEST) is None:
            raise Unfinished(number["root"] + LATEST, "it is missing: it is written when an iteration is complete.")
        return
    said = folder.around.read(tracker, 0, min(folder.around.sizes[tracker], 32)).strip()
    if said != b"release" and not (said.isdigit() and int(said) >= int(number["step"])):
        raise Unfinished(
            folder.place.rstrip("/"),
            f"`{TRACKER}` says {shown(said.decode(errors='replace'))}: this iteration was not completed.",
        )


SHAPE = Shape(
    "megatron-bridge", "an iteration of Megatron Bridge", where(r"run_config\.yaml", r"train_state\.pt"), check
)
