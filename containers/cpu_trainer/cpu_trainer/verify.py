"""Verify a finished model by reading all of it back: seal, hashes, headers, shapes, pairs, numbers.

It never trusts what training said; it is the last look before a model leaves the file system.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import huggingface
from .checkpoint import Sealed, read_sealed, unsealed
from .layers import Array
from .model import Model
from .safetensors import broken

REQUIRED = {
    "peft": (
        huggingface.ADAPTER_CONFIG,
        huggingface.ADAPTER_WEIGHTS,
        f"{huggingface.BASE_FOLDER}/{huggingface.CONFIG}",
        f"{huggingface.BASE_FOLDER}/{huggingface.WEIGHTS}",
    ),
    "hf": (huggingface.CONFIG, huggingface.WEIGHTS),
}


@dataclass(frozen=True)
class Verified:
    """A model that was read back whole: its seal, the number of its tensors and the bytes of its files."""

    sealed: Sealed
    tensors: int
    bytes: int


def verify(folder: Path) -> Verified:
    """Read a model folder back. Fails naming the file or tensor, what was expected and what was found."""
    sealed = read_sealed(folder)
    _check_files(sealed)
    model = huggingface.load(folder)
    arrays = _arrays(model)
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise broken(folder, f"tensor {name}: expected finite numbers, found NaN or infinity")
    return Verified(sealed, len(arrays), sum(entry.bytes for entry in sealed.files))


def _check_files(sealed: Sealed) -> None:
    listed = {entry.path for entry in sealed.files}
    for name in REQUIRED[sealed.origin.kind]:
        if name not in listed:
            raise unsealed(name, f"expected in the manifest of a model of kind {sealed.origin.kind}, found none")
    if sealed.origin.kind == "hf" and huggingface.ADAPTER_CONFIG in listed:
        raise unsealed(huggingface.ADAPTER_CONFIG, "expected no adapter in a model of kind hf, found one")


def _arrays(model: Model) -> dict[str, Array]:
    return model.weights if model.adapter is None else model.weights | model.adapter.weights
