"""What a run's report says of its evaluation: the newest that the gate has told of this very attempt."""

from collections.abc import Sequence

from pydantic import Field

from dropforge.domain.events import ModelEvaluated
from dropforge.domain.timeline import Entry
from dropforge.domain.values import Received
from dropforge.domain.verdicts import Comparison

UNEVALUATED = (
    "Not evaluated. Nothing has measured this model on tasks of its own; the losses here are those that the trainer "
    "measured on the training rows and say nothing about rows it has not seen."
)
ROLES = ("candidate", "incumbent", "base")


class EvaluationPart(Received):
    """The gate's verdict and the numbers it rests on, by role; `buckets` are those of the candidate's calls of functions."""

    passed: bool
    checkpoint_digest: str
    numbers: dict[str, dict[str, float]] = Field(default_factory=dict)
    buckets: dict[str, int] = Field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    held_out: str = ""
    rows: int = 0
    left_out: int = 0
    incumbent_arn: str = ""
    report: str = ""
    report_sha256: str = ""
    evidence_uri: str = ""

    @property
    def roles(self) -> tuple[str, ...]:
        """The models that were measured, in the order in which people compare them."""
        return tuple(role for role in ROLES if role in self.numbers)

    @property
    def names(self) -> tuple[str, ...]:
        """The numbers that any of them has."""
        return tuple(dict.fromkeys(name for role in self.roles for name in self.numbers[role]))


def evaluated(entries: Sequence[Entry], attempt: int) -> EvaluationPart | None:
    """Return what the gate said of an attempt, None when it has not come that far."""
    told = [e for e in entries if e.what == ModelEvaluated.__name__ and e.attempt == attempt]
    return EvaluationPart.model_validate(told[-1].details) if told else None


def sentence(part: EvaluationPart | None) -> str:
    """Return what was decided, and on which rows it rests."""
    if part is None:
        return UNEVALUATED
    verdict = "The model passed the gate." if part.passed else "The model did not pass the gate and is quarantined."
    if not part.numbers:
        return f"{verdict} Nothing was measured: its recipe has no step that does, or an earlier version made it."
    if part.held_out != "validation":
        return f"{verdict} No rows were held out: the numbers are those of training rows and say nothing about others."
    rows = f"{part.rows:,} held-out row{'' if part.rows == 1 else 's'}"
    left = f"; {part.left_out:,} more were too long" if part.left_out else ""
    return f"{verdict} Every model was measured on the same {rows}{left}."
