"""How to fine-tune, as values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Duration:
    """How long to train: a number of steps, or of epochs (each row once per epoch, the last batch filled up)."""

    steps: int | None = None
    epochs: float | None = None

    def in_steps(self, rows: int, batch_size: int) -> int:
        """Return the number of steps, at least one."""
        if self.steps is not None:
            return self.steps
        return max(1, -(-round(rows * (self.epochs or 1.0)) // batch_size))


@dataclass(frozen=True)
class Tuning:
    """How to fine-tune. `rank` and `alpha` count only in mode `lora`, `beta` only for `dpo`; `max_length` in tokens."""

    mode: str
    duration: Duration
    batch_size: int
    learning_rate: float
    rank: int
    alpha: float
    seed: int
    max_length: int
    base_name: str
    objective: str = "sft"
    beta: float = 0.1
