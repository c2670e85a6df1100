"""What is in a checkpoint that was found whole."""

from collections import Counter
from collections.abc import Iterable
from math import prod
from typing import NamedTuple

from dropforge.domain.values import Value


class Tensor(NamedTuple):
    """One tensor: `dtype` as its file spells it, the shape, how many bytes (0 where only its type and shape are known)."""

    dtype: str
    shape: tuple[int, ...]
    bytes: int = 0

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


class Contents(NamedTuple):
    """What a shape found: the tensors of the weights (not those of an optimiser), the base it belongs to, and remarks that are no fault."""

    tensors: tuple[Tensor, ...]
    base_model: str = ""
    remarks: tuple[str, ...] = ()

    def parameters(self) -> dict[str, int]:
        """Return the number of parameters of each dtype, most first."""
        counted: Counter[str] = Counter()
        for tensor in self.tensors:
            counted[tensor.dtype] += tensor.elements
        return dict(counted.most_common())


class PassedOver(Value):
    """A newer checkpoint that was not taken, the file that is wrong in it, and why."""

    path: str
    file: str
    why: str


class Opened(Value):
    """A checkpoint that was opened and found whole. `path` is where it lies in `uri`; empty when it is what was asked for itself.

    `bytes` and `files` count everything in its folder; `parameters` the elements of its weights, in all and in `dtypes` by type.
    """

    uri: str
    path: str
    shape: str
    means: str
    tensors: int
    parameters: int
    dtypes: dict[str, int]
    bytes: int
    files: int
    base_model: str
    step: int | None
    remarks: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()


def joined(parts: Iterable[Contents]) -> Contents:
    """Return several parts as one."""
    known = list(parts)
    return Contents(
        tuple(tensor for part in known for tensor in part.tensors),
        next((part.base_model for part in known if part.base_model), ""),
        tuple(dict.fromkeys(remark for part in known for remark in part.remarks)),
    )
