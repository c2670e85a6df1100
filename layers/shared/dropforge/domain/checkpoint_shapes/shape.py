"""What a shape is: where its checkpoints lie among files, and how one is checked."""

import re
from collections.abc import Callable
from typing import NamedTuple

from dropforge.domain.checkpoint_shapes.contents import Contents
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.refusals import Unfinished

Roots = Callable[[Folder], set[str]]
UNFINISHED = re.compile(r"(.*-unfinished|.*\.(tmp|incomplete|part|partial|crdownload))")
OTHER_STEP = re.compile(r"(?:^|/)[.]?(?:tmp-)?(?:checkpoint-|global_step|steps?[-_=]|iter_|epoch_)")
DOWNLOADS = ".cache/huggingface/download/"  # where huggingface_hub keeps what has not arrived yet


class Shape(NamedTuple):
    """One way in which a library lays a checkpoint out.

    `roots` gives the places of its checkpoints in a folder (prefixes that end in a slash; empty for the folder itself), damaged ones
    included: any file that only this shape has is a sign. `check` opens one, as a folder of its own. `traces` are weaker signs, which count
    where nothing else is found. `mark` reads what all checkpoints of one run have in common. Of the checkpoints of one step the one of the
    highest `rank` is preferred.
    """

    name: str
    means: str
    roots: Roots
    check: Callable[[Folder], Contents]
    mark: Callable[[Folder], object] | None = None
    traces: Roots | None = None
    rank: int = 0


def where(*patterns: str) -> Roots:
    """Return what finds the folders in which a path fits one of some patterns; a folder's path is empty or ends in a slash."""
    signs = re.compile(rf"(?P<root>(?:.*/)?)(?:{'|'.join(patterns)})", re.S)
    return lambda folder: {match["root"] for path in folder.sizes if (match := signs.fullmatch(path))}


def check_finished(folder: Folder) -> None:
    """Raises Unfinished when a file says by its name that a writer has not finished."""
    found = next((path for path in sorted(folder.sizes) if _is_unfinished(path)), None)
    if found is not None:
        raise Unfinished(folder.place + found, "by its name it is not written to its end.")


def check_marker(folder: Folder) -> None:
    """Raises Unfinished when NeMo's marker lies beside a folder. In S3 this costs a request, so only shapes with that marker ask."""
    if folder.has_beside("-unfinished"):
        raise Unfinished(
            f"{folder.place.rstrip('/')}-unfinished",
            "this marker lies there until the checkpoint is written to its end.",
        )


def _is_unfinished(path: str) -> bool:
    """Whether a file is still written; in the folder of another step, or elsewhere in a cache, that is not ours to judge."""
    place, _, name = path.rpartition("/")
    if place.startswith(".") and not path.startswith(DOWNLOADS):
        return False
    return UNFINISHED.fullmatch(name) is not None and not OTHER_STEP.search(place)
