"""Fine-tune a base model on a dataset and leave a sealed folder that can be loaded by itself.

An interrupted or repeated run starts afresh: the marker goes first, so no reader takes a half-replaced folder for a
whole one.
"""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import huggingface
from .checkpoint import MANIFEST, Origin, seal, unseal
from .lora import adapt
from .model import Model
from .report import say
from .rows import read_examples
from .tokens import Example
from .training import Course, Progress, sample_loss, train

LOSSES = "loss.jsonl"
OURS_IN_OUT = (
    MANIFEST,
    LOSSES,
    huggingface.CONFIG,
    huggingface.WEIGHTS,
    huggingface.ADAPTER_CONFIG,
    huggingface.ADAPTER_WEIGHTS,
)


@dataclass(frozen=True)
class Duration:
    """How long to train: a number of steps, or of epochs (each row once per epoch, the last batch filled up)."""

    steps: int | None = None
    epochs: float | None = None

    def in_steps(self, rows: int, batch_size: int) -> int:
        """Return the number of steps, at least one."""
        if self.steps is not None:
            return self.steps
        return max(1, -(-round(rows * (self.epochs or 1.0)) // batch_size))


@dataclass(frozen=True)
class Tuning:
    """How to fine-tune. `rank` and `alpha` count only in mode `lora`; `max_length` in tokens."""

    mode: str
    duration: Duration
    batch_size: int
    learning_rate: float
    rank: int
    alpha: float
    seed: int
    max_length: int
    base_name: str


@dataclass(frozen=True)
class Tuned:
    """What a run left behind."""

    origin: Origin
    rows: int
    manifest_sha256: str


def finetune(data: Path, base: Path, out: Path, tuning: Tuning) -> Tuned:
    """Train on the rows of `data` from the model in `base`, and leave the result in `out`."""
    examples = read_examples(data, tuning.max_length)
    random = np.random.default_rng(tuning.seed)
    model = huggingface.load(base)
    if tuning.mode == "lora":
        model = adapt(model, tuning.rank, tuning.alpha, random)
    _clear(out)
    origin = _train(model, examples, out, tuning, random, base.name)
    names = _write(model, out, tuning.base_name)
    return Tuned(origin, len(examples), seal(out, origin, [*names, LOSSES]))


def _clear(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    unseal(out)
    for name in OURS_IN_OUT:
        (out / name).unlink(missing_ok=True)
    if (out / huggingface.BASE_FOLDER).exists():
        shutil.rmtree(out / huggingface.BASE_FOLDER)


def _train(
    model: Model, examples: Sequence[Example], out: Path, tuning: Tuning, random: np.random.Generator, base_name: str
) -> Origin:
    steps = tuning.duration.in_steps(len(examples), tuning.batch_size)
    before = sample_loss(model, examples)
    course = Course(steps, tuning.batch_size, tuning.learning_rate)
    _follow(train(model, examples, course, random), steps, out / LOSSES)
    kind = "hf" if model.adapter is None else "peft"
    return Origin(kind, steps, before, sample_loss(model, examples), base_name, tuning.seed)


def _follow(progress: Iterable[Progress], steps: int, path: Path) -> None:
    """Append a line per step to the file, visible at once, and print about one in twenty."""
    every = max(1, steps // 20)
    with path.open("a", encoding="utf-8") as file:
        for done in progress:
            line = {"step": done.step, "loss": done.loss, "rate": done.rate, "seconds": round(done.seconds, 3)}
            file.write(json.dumps(line) + "\n")
            file.flush()
            if done.step % every == 0 or done.step in {1, steps}:
                say(f"step={done.step}/{steps} loss={done.loss:.4f} rate={done.rate:.1e}")
        os.fsync(file.fileno())


def _write(model: Model, out: Path, base_name: str) -> list[str]:
    """Write the model and return the names of the files, relative to `out`."""
    if model.adapter is None:
        return huggingface.write_model(out, model)
    names = huggingface.write_model(out / huggingface.BASE_FOLDER, model)
    inner = [f"{huggingface.BASE_FOLDER}/{name}" for name in names]
    return [*inner, *huggingface.write_adapter(out, model.adapter, base_name)]
