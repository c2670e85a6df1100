"""PyTorch's distributed checkpoints by themselves, whatever wrote them."""

from dropforge.domain.checkpoint_shapes.dcp import read_distributed
from dropforge.domain.checkpoint_shapes.shape import Shape, where

SHAPE = Shape(
    "torch-dcp",
    "a distributed checkpoint of PyTorch",
    where(r"\.metadata(?:\.tmp)?", r"__\d+_\d+\.distcp"),
    read_distributed,
)
