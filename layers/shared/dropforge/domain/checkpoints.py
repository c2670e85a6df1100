"""Checkpoints as the ledger and the registry know them: opened in S3, found whole."""

from typing import Literal

from dropforge.domain.evaluations import Evaluation, Incumbent
from dropforge.domain.values import Sha256, Value

Kind = Literal["peft", "hf"]


class Checkpoint(Value):
    """A checkpoint that was opened and checked. `digest` is the SHA-256 of its manifest.

    `compared` is the number of files whose CRC-64/NVME in S3 is the one that the trainer computed; of the others only sizes agree.
    """

    uri: str
    kind: Kind
    digest: Sha256
    base_model: str
    tensors: int
    bytes: int
    files: int
    compared: int = 0
    loss_before: float | None = None
    loss_after: float | None = None


class Verified(Value):
    """What an attempt of a run has brought to S3, and was found whole there, with what was measured of it and which model it was compared with."""

    attempt: int
    checkpoint: Checkpoint
    evaluation: Evaluation | None = None
    incumbent: Incumbent | None = None
