"""Every shape, and the one question asked of a folder: which checkpoint is there, whole or not."""

from collections import Counter
from collections.abc import Sequence

from dropforge.domain.checkpoint_shapes import (
    auto_model,
    hugging_face,
    llmft,
    megatron_bridge,
    nemo,
    nemo_legacy,
    nemo_peft,
    peft,
    torch_dcp,
)
from dropforge.domain.checkpoint_shapes.choosing import Candidate, MixedError, candidates, check_one_run
from dropforge.domain.checkpoint_shapes.contents import Opened, PassedOver
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.refusals import NotWhole, Unfinished, shown
from dropforge.domain.checkpoint_shapes.seal import check_seal
from dropforge.domain.checkpoint_shapes.shape import Shape, check_finished
from dropforge.domain.failures import Evidence
from dropforge.errors import InvalidInput

SHAPES: tuple[Shape, ...] = (  # the more particular ones first: each owns what lies below it
    auto_model.SHAPE,
    nemo_peft.SHAPE,
    nemo.SHAPE,
    megatron_bridge.SHAPE,
    nemo_legacy.SHAPE,
    llmft.SHAPE,
    peft.SHAPE,
    hugging_face.SHAPE,
    torch_dcp.SHAPE,
)
MOST_FILES = 500_000
SEEN = 12  # kinds of files that a refusal lists


def open_checkpoint(uri: str, folder: Folder, shapes: Sequence[Shape] = SHAPES) -> Opened:
    """Open the newest good checkpoint of a folder and check it.

    Raises InvalidInput: CheckpointDamaged or CheckpointUnfinished (naming the file), CheckpointUnknown (saying what was seen),
    CheckpointsMixed (saying where).
    """
    if len(folder.sizes) > MOST_FILES:
        raise InvalidInput(
            "CheckpointUnknown",
            f"There are more than {MOST_FILES:,} files; name the checkpoint's own folder.",
            {"where": uri},
        )
    try:
        found = candidates(folder, shapes) or candidates(folder, _by_traces(shapes))
        if not found:
            raise InvalidInput("CheckpointUnknown", _seen(folder), {"where": uri})
        return _newest_good(uri, folder, found)
    except MixedError as mixed:
        raise InvalidInput("CheckpointsMixed", mixed.why, {"where": uri, "places": mixed.places}) from mixed


def _by_traces(shapes: Sequence[Shape]) -> list[Shape]:
    """The shapes of which a file may be left when all that is particular to them is gone."""
    return [shape._replace(roots=shape.traces) for shape in shapes if shape.traces is not None]


def _newest_good(uri: str, folder: Folder, found: Sequence[Candidate]) -> Opened:
    passed: list[tuple[Candidate, NotWhole]] = []
    for candidate in found:
        try:
            opened = _open(uri, folder, candidate)
        except NotWhole as fault:
            passed.append((candidate, fault))
            continue
        check_one_run(folder, candidate, found)
        over = tuple(PassedOver(path=shown(c.path), file=f.path, why=f.why) for c, f in passed)
        return opened.model_copy(update={"passed_over": over})
    raise _refusal(uri, passed)


def _open(uri: str, folder: Folder, candidate: Candidate) -> Opened:
    own = folder.below(candidate.path)
    check_finished(own)
    _check_alone(own, candidate)
    contents = candidate.shape.check(own)
    check_seal(own)
    counted = contents.parameters()
    return Opened(
        uri=uri,
        path=shown(candidate.path),
        shape=candidate.shape.name,
        means=candidate.shape.means,
        tensors=len(contents.tensors),
        parameters=sum(counted.values()),
        dtypes=counted,
        bytes=sum(own.sizes.values()),
        files=len(own.sizes),
        base_model=contents.base_model,
        step=candidate.step,
        remarks=contents.remarks,
    )


def _check_alone(folder: Folder, candidate: Candidate) -> None:
    """An adapter and a whole model in one folder were written by two runs; libraries disagree on which one is loaded."""
    if candidate.shape is peft.SHAPE and "" in hugging_face.SHAPE.roots(folder):
        weights = next(name for name in folder.here() if name.startswith(("model", "pytorch_model")))
        raise folder.broken(weights, "a whole model lies in the folder of an adapter: they are of two runs.")


def _refusal(uri: str, passed: Sequence[tuple[Candidate, NotWhole]]) -> InvalidInput:
    candidate, fault = passed[0]
    others = [f"{shown(c.path) or '.'}: {f.path}: {f.why}" for c, f in passed[1:6]]
    why = f"`{fault.path}`: {fault.why}"
    evidence: Evidence = {"file": fault.path, "where": uri, "shape": candidate.shape.means, "older ones": others}
    return InvalidInput("CheckpointUnfinished" if isinstance(fault, Unfinished) else "CheckpointDamaged", why, evidence)


def _seen(folder: Folder) -> str:
    if not folder.sizes:
        left = next(iter(folder.left_out.items()), None)
        return f"There is no file; `{shown(left[0])}` {left[1]}." if left else "There is no file."
    kinds = Counter(_kind(path) for path in folder.sizes)
    listed = ", ".join(f"{count:,} x {kind}" if count > 1 else kind for kind, count in kinds.most_common(SEEN))
    return f"No shape that we know has these files: {listed}{' and others' if len(kinds) > SEEN else ''}."


def _kind(path: str) -> str:
    name = path.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    return f"*.{shown(suffix)}" if dot and stem and any(c.isdigit() for c in stem) else shown(name)
