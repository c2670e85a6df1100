"""Moving a verified model to where it is exported from: a folder named by its manifest's hash.

The move is one rename within the file system, so the folder appears whole or not at all, and the same model of two runs is the same folder.
Its marker stays behind: in S3 it is written last, by who has compared everything that arrived, so that half an export is not taken for a model.
"""

import json
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
        target = exports / _noted(model)
    else:
        target = exports / verify(model).sealed.manifest_sha256
        write_json(model.with_name(NOTE), {"manifest_sha256": target.name})
        _move(model, target)
    (target / MARKER).unlink(missing_ok=True)
    return Exported(target, verify(target))


def _noted(model: Path) -> str:
    try:
        name = json.loads(model.with_name(NOTE).read_bytes())["manifest_sha256"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise unsealed(model.name, f"expected in {model.parent}, found neither it nor a whole {NOTE}") from error
    if not (isinstance(name, str) and is_sha256(name)):
        raise unsealed(NOTE, f"expected the sha256 of a manifest, found {name!r}")
    return name


def _move(model: Path, target: Path) -> None:
    """Rename into place, also where the same model lies already: an export takes new files only, and what it brought before may not be whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        model.rename(target)
    except OSError:  # a folder that is not empty lies there
        _make_room(target)
        model.rename(target)
    sync_folder(target.parent)


def _make_room(target: Path) -> None:
    """Take away what lies in the place of a model: the same one is deleted, a damaged one is set aside."""
    try:
        verify(target)
    except Failure as damage:
        say(f"{target.name} is written anew, the old one is now {set_aside(target).name}: {damage.cause}")
        return
    say(f"{target.name} is there already; it is written anew, so that all of it is exported")
    discard(target)
