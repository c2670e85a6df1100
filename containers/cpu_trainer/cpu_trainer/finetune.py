"""Fine-tune a base model on a dataset and leave a sealed folder that can be loaded by itself.

The result's folder starts afresh each time: its marker goes first, so no reader takes a half-replaced folder for a whole
one. What an interrupted run had reached is in its checkpoints, which lie elsewhere.
"""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from . import huggingface
from .checkpoint import MANIFEST, Origin, seal, unseal
from .lora import adapt
from .losses import LOSSES
from .model import Model
from .objectives import SAMPLE, Measured, Objective, Preferred, Supervised
from .pairs import preference
from .rows import read_rows, supervised
from .session import Safety, Session
from .staged import Data, Staged
from .training import Course, Training
from .tuning import Tuning

HELD_OUT = 512  # rows at most on which a model is measured that it did not learn from
OURS_IN_OUT = (
    MANIFEST,
    LOSSES,
    huggingface.CONFIG,
    huggingface.WEIGHTS,
    huggingface.ADAPTER_CONFIG,
    huggingface.ADAPTER_WEIGHTS,
)


@dataclass(frozen=True)
class Marks:
    """Measurements of a model: on a sample of what it learns, and on what is held out, if anything is."""

    learnt: Measured
    held_out: Measured | None


@dataclass(frozen=True)
class Tuned:
    """What a run left behind: how it was measured, where it went on, which checkpoints there are."""

    origin: Origin
    rows: int
    manifest_sha256: str
    after: Marks
    resumed_from: str | None
    checkpoints: tuple[str, ...]


@dataclass(frozen=True)
class Lesson:
    """A model and its rows."""

    model: Model
    objective: Objective
    held_out: Objective | None

    def measure(self) -> Marks:
        """Measure the model as it is now."""
        held_out = self.held_out.measure(self.model, HELD_OUT) if self.held_out else None
        return Marks(self.objective.measure(self.model, SAMPLE), held_out)


def finetune(data: Data, base: Path, out: Path, tuning: Tuning, safety: Safety | None = None) -> Tuned:
    """Train on `data` from the model in `base`, going on from a checkpoint if there is one; leave the result in `out`."""
    random = np.random.default_rng(tuning.seed)
    lesson = _lesson(huggingface.load(base), data, tuning, random)
    before = lesson.measure()
    _clear(out)
    session = _session(lesson, tuning, random, safety or Safety())
    session.run(out / LOSSES)
    after = lesson.measure()
    origin = _origin(lesson.model, before, after, (session.course.steps, base.name, tuning.seed))
    digest = seal(out, origin, [*_write(lesson.model, out, tuning.base_name), LOSSES])
    kept = session.checkpoints.kept() if session.checkpoints else ()
    return Tuned(origin, lesson.objective.rows, digest, after, session.resumed_from, kept)


def _lesson(base: Model, data: Data, tuning: Tuning, random: np.random.Generator) -> Lesson:
    model = adapt(base, tuning.rank, tuning.alpha, random) if tuning.mode == "lora" else base
    reference = _frozen(base) if tuning.objective == "dpo" else None
    held_out = _objective(data.validation, tuning, reference) if data.validation else None
    return Lesson(model, _objective(data.train, tuning, reference), held_out)


def _frozen(base: Model) -> Model:
    """Return a copy that stays as it is: in mode `full` the base itself learns."""
    return replace(base, weights={name: array.copy() for name, array in base.weights.items()})


def _objective(files: Sequence[Staged], tuning: Tuning, reference: Model | None) -> Objective:
    length = tuning.max_length
    if reference is None:
        return Supervised(read_rows(files, lambda row: supervised(row, length)))
    return Preferred(read_rows(files, lambda row: preference(row, length)), reference, tuning.beta)


def _session(lesson: Lesson, tuning: Tuning, random: np.random.Generator, safety: Safety) -> Session:
    steps = tuning.duration.in_steps(lesson.objective.rows, tuning.batch_size)
    course = Course(steps, tuning.batch_size, tuning.learning_rate)
    made_of = {"weights": _digest_of_weights(lesson.model), "rows": lesson.objective.digest}
    identity = {**asdict(tuning), "duration": steps, **made_of}
    checkpoints = safety.checkpoints(identity)
    return Session(Training(lesson.model, random), lesson.objective, course, checkpoints, safety.drill)


def _digest_of_weights(model: Model) -> str:
    """Return the hash of what training starts from, in hex."""
    digest = hashlib.sha256()
    for name, array in sorted((model.weights | model.trainable).items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _clear(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    unseal(out)
    for name in OURS_IN_OUT:
        (out / name).unlink(missing_ok=True)
    if (out / huggingface.BASE_FOLDER).exists():
        shutil.rmtree(out / huggingface.BASE_FOLDER)


def _origin(model: Model, before: Marks, after: Marks, made: tuple[int, str, int]) -> Origin:
    """Describe a model that was made in some steps from a base with a seed."""
    steps, base, seed = made
    kind = "hf" if model.adapter is None else "peft"
    held_out = (marks.held_out.loss if marks.held_out else None for marks in (before, after))
    return Origin(kind, steps, before.learnt.loss, after.learnt.loss, base, seed, *held_out)


def _write(model: Model, out: Path, base_name: str) -> list[str]:
    """Write the model and return the names of the files, relative to `out`."""
    if model.adapter is None:
        return huggingface.write_model(out, model)
    names = huggingface.write_model(out / huggingface.BASE_FOLDER, model)
    inner = [f"{huggingface.BASE_FOLDER}/{name}" for name in names]
    return [*inner, *huggingface.write_adapter(out, model.adapter, base_name)]
