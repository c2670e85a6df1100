"""A training written down, and read back so that it goes on to the same bytes.

Numbers are float32 and kept as they are; the random generator's state is whole numbers of any size, which JSON keeps.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import safetensors
from .checkpoint import unsealed
from .files import write_json
from .layers import Array
from .losses import LOSSES, read_losses, write_losses
from .safetensors import broken
from .training import Progress, Training

WEIGHTS, OPTIMISER, STATE = "weights.safetensors", "optimiser.safetensors", "state.json"
MEANS, SQUARES = "means.", "squares."
Arrays = dict[str, Array]


@dataclass(frozen=True)
class State:
    """What was written down, not yet in use."""

    weights: Arrays
    averages: Arrays
    optimiser_steps: int
    random: dict[str, object]
    waiting: list[int]
    done: int
    history: list[Progress]


def write_state(folder: Path, training: Training, history: list[Progress]) -> list[str]:
    """Write all that the next step depends on, and return the names of the files."""
    safetensors.write(folder / WEIGHTS, training.model.trainable)
    safetensors.write(folder / OPTIMISER, _averages(training))
    numbers = {
        "step": training.done,
        "optimiser_steps": training.optimiser.steps,
        "waiting": training.waiting,
        "random": training.random.bit_generator.state,
    }
    write_json(folder / STATE, numbers)
    write_losses(folder / LOSSES, history)
    return [WEIGHTS, OPTIMISER, STATE, LOSSES]


def read_state(folder: Path, training: Training) -> State:
    """Read what was written down for a training of the same arrays. Changes nothing yet."""
    weights, averages = safetensors.read(folder / WEIGHTS), safetensors.read(folder / OPTIMISER)
    _compare(folder / WEIGHTS, weights, training.model.trainable)
    _compare(folder / OPTIMISER, averages, _averages(training))
    match json.loads((folder / STATE).read_bytes()):
        case {"step": int(done), "optimiser_steps": int(steps), "waiting": [*waiting], "random": dict(random)}:
            history = read_losses(folder / LOSSES)
            return State(weights, averages, steps, random, waiting, done, history)
    raise unsealed(STATE, "expected step, optimiser_steps, waiting and random")


def go_on(training: Training, state: State) -> None:
    """Put a training where the one was that was written down. Arrays are filled in place: others hold them too."""
    for arrays, saved in ((training.model.trainable, state.weights), (_averages(training), state.averages)):
        for name, array in arrays.items():
            np.copyto(array, saved[name])
    training.optimiser.steps = state.optimiser_steps
    training.random.bit_generator.state = state.random
    training.waiting, training.done = state.waiting, state.done
    training.began = time.monotonic() - state.history[-1].seconds


def _averages(training: Training) -> Arrays:
    means, squares = training.optimiser.means, training.optimiser.squares
    return {MEANS + name: x for name, x in means.items()} | {SQUARES + name: x for name, x in squares.items()}


def _compare(path: Path, found: Arrays, expected: Arrays) -> None:
    shapes, wanted = ({name: x.shape for name, x in arrays.items()} for arrays in (found, expected))
    if shapes != wanted:
        names = sorted(name for name in shapes.keys() | wanted.keys() if shapes.get(name) != wanted.get(name))
        raise broken(path, f"tensor {names[0]}: expected shape {wanted.get(names[0])}, found {shapes.get(names[0])}")
