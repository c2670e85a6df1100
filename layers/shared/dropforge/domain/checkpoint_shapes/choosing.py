"""Which of the checkpoints in a folder is meant: the newest good one of one run.

A folder that is a checkpoint itself is judged alone. Otherwise what lies below it is looked for. Checkpoints that differ in more than their
step belong to different runs; then nothing is chosen, because the newest of one run may be an intermediate of another.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.refusals import NotWhole, shown
from dropforge.domain.checkpoint_shapes.shape import Shape

STEP = re.compile(r"(?:^|[-_=.])?(?:checkpoint|global_step|steps?|iter)[-_=]?0*(\d{1,18})(?!\d*\.)", re.I)
LAST = ("final", "final-model", "last", "model", "consolidated", "weights", "checkpoints")
FORMS = frozenset(
    {*LAST, "hf", "hf_merged", "hf_weights", "hf_adapter", "full", "peft_full", "sharded", "peft_sharded"}
)
EPOCH = re.compile(r"epoch[-_=]?\d+[-_]*", re.I)
MOST_COMPARED = 8  # of a run's checkpoints whose small configuration is read to see whether they belong together


class Candidate(NamedTuple):
    """A place where a checkpoint of some shape lies."""

    shape: Shape
    path: str

    @property
    def step(self) -> int | None:
        """The step that its path says, if any."""
        found = [int(match[1]) for part in self.path.split("/") for match in STEP.finditer(part)]
        return found[-1] if found else None

    @property
    def run(self) -> str:
        """Its path without what differs between the checkpoints of one run."""
        parts = (_without_step(part) for part in self.path.strip("/").split("/"))
        return "/".join(part for part in parts if part and part not in FORMS)

    @property
    def age(self) -> tuple[bool, int, int, bool, str]:
        """What the newest has most of: being final, steps, being merged or whole, the mark `-last`."""
        name = self.path.rstrip("/")
        is_merged = name.endswith(("hf_merged", "final-model"))
        return self.step is None, self.step or 0, self.shape.rank + is_merged, name.endswith("-last"), self.path


class MixedError(Exception):
    """Checkpoints of more than one run lie in a folder."""

    def __init__(self, why: str, places: Sequence[str]) -> None:
        self.why, self.places = why, [shown(place) for place in places[:10]]
        super().__init__(why)


def candidates(folder: Folder, shapes: Sequence[Shape]) -> list[Candidate]:
    """Return what lies in a folder, the newest first; the folder itself alone when it is one. Raises MixedError."""
    found: list[Candidate] = []
    for shape in shapes:  # the more particular ones come first, and own what lies below them
        owned = {candidate.path for candidate in found}
        found += [Candidate(shape, root) for root in sorted(shape.roots(folder)) if not _is_within(root, owned)]
    found = [c for c in found if not any(c.path != other.path and c.path.startswith(other.path) for other in found)]
    runs = sorted({candidate.run for candidate in found})
    if len(runs) > 1:
        why = f"Checkpoints of {len(runs)} runs lie here; which one is meant cannot be seen."
        raise MixedError(why, [candidate.path for run in runs for candidate in found if candidate.run == run][:10])
    return sorted(found, key=lambda candidate: candidate.age, reverse=True)


def _is_within(root: str, owned: set[str]) -> bool:
    """Whether a folder is, or lies in, one that is known."""
    parts = root.split("/")
    return any("/".join(parts[:n]) + "/" in owned for n in range(1, len(parts))) or "" in owned


def check_one_run(folder: Folder, taken: Candidate, others: Sequence[Candidate]) -> None:
    """Compare the small configuration of a checkpoint with those of its neighbours. Raises MixedError when one is of another run."""
    akin = [other for other in others if other.shape is taken.shape and other != taken][:MOST_COMPARED]
    if taken.shape.mark is None or not akin:
        return
    mine = taken.shape.mark(folder.below(taken.path))
    for other in akin:
        try:
            theirs = taken.shape.mark(folder.below(other.path))
        except NotWhole:
            continue
        if theirs != mine:
            why = "Checkpoints of two runs lie here: their base, rank or measures differ, so neither is known to be the newest of its run."
            raise MixedError(why, [taken.path, other.path])


def _without_step(part: str) -> str:
    match = STEP.search(part)
    if match is None:
        return part
    return EPOCH.sub("", part[: match.start()]).partition("--")[0].strip("-_=.")
