"""The base model: trained here from a small bundled corpus, and kept in a cache shared by every run.

Nothing can be downloaded on the machines this runs on, so the base is made. Its folder is named by all that determines
it (corpus, flags, this program's own source, numpy), so `train` finds by the same flags what `prepare` made.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from . import huggingface
from .checkpoint import Origin, Sealed, seal
from .errors import OURS, Failure
from .files import sync_folder
from .folders import discard, unfinished
from .model import Config, draw
from .objectives import SAMPLE, Supervised
from .report import say
from .rows import read_examples
from .training import Course, Training, train
from .verify import verify

HERE = Path(__file__).parent
CORPUS = HERE / "corpus.jsonl"
BATCH_SIZE = 8
LEARNING_RATE = 6e-3


@dataclass(frozen=True)
class Base:
    """Everything that may be chosen about a base model."""

    steps: int = 300
    seed: int = 42
    max_length: int = 160
    config: Config = field(default_factory=Config)

    @property
    def digest(self) -> str:
        """Return 16 hex digits over all that determines the weights on one kind of machine."""
        sources = {path.name: path.read_bytes() for path in [CORPUS, *sorted(HERE.glob("*.py"))]}
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sources.items()}
        identity = {"base": asdict(self), "sources": hashes, "numpy": np.__version__}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]

    def folder(self, cache: Path) -> Path:
        """Return where the base lies in a cache."""
        return cache / f"base-{self.digest}"


@dataclass(frozen=True)
class Prepared:
    """A base model that is in the cache, whole."""

    folder: Path
    sealed: Sealed
    cached: bool


def find(base: Base, cache: Path) -> Path:
    """Return the folder of a prepared base. Fails when it is not there, or not whole."""
    folder = base.folder(cache)
    if not folder.is_dir():
        raise missing(folder)
    verify(folder)
    return folder


def missing(folder: Path) -> Failure:
    """Return the failure of a base that is not where it should be."""
    return Failure("no-base", f"there is no base model at {folder}", "run prepare with the same cache and flags", OURS)


def prepare(base: Base, cache: Path) -> Prepared:
    """Return the base from the cache, trained first if it is not there whole. Several may do so at the same time."""
    folder = base.folder(cache)
    if sealed := _whole(folder):
        return Prepared(folder, sealed, cached=True)
    with unfinished(folder) as workplace:
        _make(base, workplace)
        return _publish(workplace, folder)


def _whole(folder: Path) -> Sealed | None:
    try:
        return verify(folder).sealed if folder.is_dir() else None
    except Failure as failure:
        say(f"the cached base is replaced: {failure.cause}")
        return None


def _make(base: Base, workplace: Path) -> None:
    objective = Supervised(read_examples(CORPUS, base.max_length))
    random = np.random.default_rng(base.seed)
    model = draw(base.config, random)
    before = objective.measure(model, SAMPLE).loss
    for progress in train(Training(model, random), objective, Course(base.steps, BATCH_SIZE, LEARNING_RATE)):
        if progress.step % max(1, base.steps // 20) == 0:
            say(f"step={progress.step}/{base.steps} loss={progress.loss:.4f} rate={progress.rate:.1e}")
    names = huggingface.write_model(workplace, model)
    origin = Origin("hf", base.steps, before, objective.measure(model, SAMPLE).loss, None, base.seed)
    seal(workplace, origin, names)


def _publish(workplace: Path, folder: Path) -> Prepared:
    """Rename into place. Who comes second takes what the first put there; what is broken there is moved away."""
    for _ in range(3):
        try:
            workplace.rename(folder)
        except OSError:  # something lies there already
            if sealed := _whole(folder):
                return Prepared(folder, sealed, cached=True)
            discard(folder)
        else:
            sync_folder(folder.parent)
            return Prepared(folder, verify(folder).sealed, cached=False)
    raise Failure("cache-busy", f"{folder} could not be replaced", "remove it and run prepare again", OURS)
