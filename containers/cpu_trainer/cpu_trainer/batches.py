"""Examples as rectangles of ids and labels, and which rows of a dataset a measurement looks at."""

import hashlib
from collections.abc import Sequence

import numpy as np

from .layers import Ids
from .tokens import IGNORED, PAD, Example


def collate(examples: Sequence[Example]) -> tuple[Ids, Ids]:
    """Pad examples to their longest and return inputs and shifted labels, both (B, T-1)."""
    length = max(len(example.ids) for example in examples)
    ids = np.full((len(examples), length), PAD, np.int64)
    labels = np.full((len(examples), length), IGNORED, np.int64)
    for row, example in enumerate(examples):
        ids[row, : len(example.ids)] = example.ids
        labels[row, : len(example.labels)] = example.labels
    return ids[:, :-1], labels[:, 1:]


def digest_of(rows: Sequence[object]) -> str:
    """Return the hash of rows in their order, in hex."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr(row).encode())
    return digest.hexdigest()


def spread(rows: int, most: int, size: int) -> list[list[int]]:
    """Return the places of at most `most` rows, evenly spread over all of them, in batches of `size`."""
    places = np.linspace(0, rows - 1, min(most, rows)).astype(int).tolist()
    return [places[start : start + size] for start in range(0, len(places), size)]
