"""The checkpoints of a run: written every few steps, found again by the next attempt, pruned only behind a newer whole one.

All attempts of a run share one folder. They never train at once, but one that was given up may still be writing:
nothing is written, renamed or deleted in a way that two writers could make a half of. Names never lie, because a folder
gets its name when it is whole, and what is inside is hashed again before it is believed.
"""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from .checkpoint import Whole, read_whole, seal_files
from .drill import Drill, truncate
from .errors import Failure
from .files import sync_folder
from .folders import discard, set_aside, unfinished
from .report import say
from .state import WEIGHTS, State, read_state, write_state
from .training import Progress, Training

KIND = "training"
NAMED = re.compile(r"checkpoint-(\d+)")
OTHERS = "others-"  # the mark of a checkpoint of another run that was in the way: it is never deleted
UNFINISHED = re.compile(r"\.checkpoint-(\d+)-[0-9a-f]{32}")

Identity = dict[str, object]  # settings by name, digests of data and first weights: of others we cannot go on


class OthersError(Exception):
    """A checkpoint is whole, but of other settings or data."""


@dataclass(frozen=True)
class Keeping:
    """Where checkpoints are kept, after how many steps one is written, and how many whole ones stay."""

    folder: Path
    every: int
    keep: int


@dataclass
class Checkpoints:
    """The checkpoints of a run as one attempt sees them.

    `leftovers` are what earlier attempts did not finish. They are looked for at the start only: what appears later may
    be another's work.
    """

    keeping: Keeping
    identity: Identity
    drill: Drill
    leftovers: list[Path] = field(default_factory=list)

    def newest(self, training: Training) -> State | None:
        """Return the newest one that is whole and ours, and say of every other one why it is passed over."""
        self.leftovers = _matching(self.keeping.folder, UNFINISHED)
        for folder in self.leftovers:
            say(f"skip {folder.name}: it was never finished, or was set aside; it goes once a newer one is whole")
        for folder in _matching(self.keeping.folder, NAMED):
            try:
                _read(folder, self.identity)
                return read_state(folder, training)
            except (Failure, OthersError, OSError, ValueError) as error:
                say(f"skip {folder.name}: {_reason(error)}")
        return None

    def is_due(self, step: int, last: int) -> bool:
        """Whether a checkpoint belongs after a step."""
        return step % self.keeping.every == 0 or step == last

    def write(self, training: Training, history: list[Progress]) -> None:
        """Write one, read it back, and only if it is whole delete what is too many behind it."""
        folder = self.keeping.folder / name_of(training.done)
        with unfinished(folder) as workplace:
            names = write_state(workplace, training, history)
            seal_files(workplace, {"kind": KIND, "step": training.done, "identity": self.identity}, names)
            self._publish(workplace, folder)
        truncate(self.drill, training.done, folder / WEIGHTS, self.keeping.folder)
        if objection := _objection(folder, self.identity):
            say(f"{folder.name} does not read back whole: {_reason(objection)}; older ones stay, training goes on")
            return
        say(f"checkpoint step={training.done} kept={folder.name}")
        self._prune(training.done)

    def kept(self) -> tuple[str, ...]:
        """Return the names of those that are there, newest first."""
        return tuple(folder.name for folder in _matching(self.keeping.folder, NAMED))

    def _publish(self, workplace: Path, folder: Path) -> None:
        """Rename into place. A whole one of ours that is there already stays; anything else is set aside."""
        try:
            workplace.rename(folder)
        except OSError:  # a folder that is not empty lies there
            objection = _objection(folder, self.identity)
            if objection is None:
                say(f"{folder.name} is there already and whole; it stays as it is")
                return
            self._set_aside(folder, objection)
            workplace.rename(folder)
        sync_folder(folder.parent)

    def _set_aside(self, folder: Path, objection: Exception) -> None:
        is_others = isinstance(objection, OthersError)
        aside = set_aside(folder, OTHERS if is_others else "")
        self.leftovers += [] if is_others else [aside]
        say(f"{folder.name} is written anew, the old one is now {aside.name}: {_reason(objection)}")

    def _prune(self, newest: int) -> None:
        """Keep the newest whole ones; damaged ones do not count among them. Those of other runs are left alone."""
        whole = 1
        for folder in _matching(self.keeping.folder, NAMED, before=newest):
            objection = _objection(folder, self.identity)
            if isinstance(objection, OthersError):
                continue
            whole += objection is None
            if objection is not None or whole > self.keeping.keep:
                why = "enough newer ones are whole" if objection is None else _reason(objection)
                _delete(folder, f"{why}; {name_of(newest)} is newer and whole")
        for folder in self.leftovers:
            _delete(folder, f"it was never finished, or was set aside; {name_of(newest)} is whole")
        self.leftovers = []


def name_of(step: int) -> str:
    """Return the name of the checkpoint after a step."""
    return f"checkpoint-{step}"


def _matching(folder: Path, pattern: re.Pattern[str], before: float = math.inf) -> list[Path]:
    """Return the folders whose names match with a step before another, the latest first."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    found = [(int(match[1]), match[0]) for name in names if (match := pattern.fullmatch(name))]
    return [folder / name for step, name in sorted(found, reverse=True) if step < before]


def _read(folder: Path, identity: Identity) -> Whole:
    whole = read_whole(folder)
    theirs = whole.manifest.get("identity")
    if whole.manifest.get("kind") != KIND or not isinstance(theirs, dict):
        raise OthersError("it is no checkpoint of a training")
    for key in sorted(identity.keys() | theirs.keys()):
        if theirs.get(key) != identity.get(key):
            raise OthersError(f"it was made with {key} {theirs.get(key)}, this run has {identity.get(key)}")
    return whole


def _reason(error: Exception) -> str:
    return error.cause if isinstance(error, Failure) else str(error)


def _objection(folder: Path, identity: Identity) -> Exception | None:
    """Return why a checkpoint is not whole or not ours, or None."""
    try:
        _read(folder, identity)
    except (Failure, OthersError, OSError) as error:
        return error
    return None


def _delete(folder: Path, why: str) -> None:
    say(f"delete {folder.name}: {why}")
    discard(folder)
