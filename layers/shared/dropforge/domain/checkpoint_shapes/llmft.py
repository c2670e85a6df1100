"""Output of the LLMFT container of HyperPod recipes: `hf/` (an adapter) and `hf_merged/` (a whole model), somewhere below the run's folder.

Its tree is not public, so nothing but the two names is taken for granted: the folders are found by what lies in them.
"""

from dropforge.domain.checkpoint_shapes import hugging_face, peft
from dropforge.domain.checkpoint_shapes.contents import Contents
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.shape import Shape

NAMES = ("hf/", "hf_merged/")


def roots(folder: Folder) -> set[str]:
    """Return the folders with one of the two names that hold an adapter or a model."""
    found = peft.SHAPE.roots(folder) | hugging_face.SHAPE.roots(folder)
    return {root for root in found if root in NAMES or root.endswith(tuple(f"/{name}" for name in NAMES))}


def check(folder: Folder) -> Contents:
    """Check an adapter or a merged model. Raises NotWhole."""
    return (peft.check if _is_adapter(folder) else hugging_face.check)(folder)


def mark(folder: Folder) -> object:
    """What the outputs of one run have in common, adapters and models each among themselves."""
    shape = peft if _is_adapter(folder) else hugging_face
    return shape.__name__, shape.mark(folder)


def _is_adapter(folder: Folder) -> bool:
    return "" in peft.SHAPE.roots(folder)


SHAPE = Shape("llmft", "output of the LLMFT container", roots, check)
