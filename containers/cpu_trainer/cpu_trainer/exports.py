"""Moving a verified model to where it is exported from: a folder named by its manifest's hash.

The move is one rename within the file system, so the folder appears whole or not at all, and the same model of two runs is the same folder.
Its marker stays behind: in S3 it is written last, by who has compared everything that arrived, so that half an export is not taken for a model.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .checkpoint import MARKER, unsealed
from .errors import Failure
from .files import is_sha256, sync_folder, write_json
from .folders import discard, set_aside
from .report import say
from .verify import Verified, verify

NOTE = "exported.json"  # beside the model: which folder it has become, for the step when it is run again


@dataclass(frozen=True)
class Exported:
    """A model that was read back whole, in the folder that is exported."""

    folder: Path
    verified: Verified


def export(model: Path, exports: Path) -> Exported:
    """Verify a model and move it below `exports`; one that was moved before is verified there. Fails as verify does."""
    if not model.exists():
        target = exports / _noted(model.with_name(NOTE))
    else:
        target = exports / verify(model).sealed.manifest_sha256
        write_json(model.with_name(NOTE), {"manifest_sha256": target.name})
        _move(model, target)
    (target / MARKER).unlink(missing_ok=True)
    return Exported(target, verify(target))


def _noted(note: Path) -> str:
    try:
        name = json.loads(note.read_bytes())["manifest_sha256"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise unsealed("model", f"expected in {note.parent}, found neither it nor a whole {NOTE}") from error
    if not (isinstance(name, str) and is_sha256(name)):
        raise unsealed(NOTE, f"expected the sha256 of a manifest, found {name!r}")
    return name


def _move(model: Path, target: Path) -> None:
    """Rename into place. The same model of another run that lies there already stays: it may just be copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        model.rename(target)
    except OSError:  # a folder that is not empty lies there
        if not _take_theirs(model, target):
            model.rename(target)
    sync_folder(target.parent)


def _take_theirs(model: Path, target: Path) -> bool:
    """Keep what lies there and delete our own, unless it is damaged or an earlier attempt of this run has brought it there.

    That attempt has failed, and an export takes new files only: what it has brought to S3 would stay as it is.
    """
    try:
        verify(target)
    except Failure as damage:
        say(f"{target.name} is written anew, the old one is now {set_aside(target).name}: {damage.cause}")
        return False
    if target.name in _of_earlier_attempts(model):
        say(
            f"{target.name} is there already, from an earlier attempt; it is written anew, so that all of it is exported"
        )
        discard(target)
        return False
    say(f"{target.name} is there already and whole; it stays as it is")
    discard(model)
    return True


def _of_earlier_attempts(model: Path) -> set[str]:
    """Return what other attempts of the run have moved: their folders lie beside this one's."""
    own = model.with_name(NOTE)
    found: set[str] = set()
    for note in model.parent.parent.glob(f"*/{NOTE}"):
        if note != own:
            with suppress(Failure):
                found.add(_noted(note))
    return found
