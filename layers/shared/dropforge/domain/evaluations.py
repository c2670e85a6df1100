"""Evaluations: numbers that a job measured on a run's model and on what it is compared with, as its termination message has them.

Any container may measure: what counts is the message's `evaluation`. It names each model by its manifest's digest, so that numbers of another
model are never taken for this one's.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field, FiniteFloat, ValidationError

from dropforge.domain.values import Received, Value, explain
from dropforge.errors import WorkloadFailed

Role = Literal["candidate", "base", "incumbent"]
Better = Literal["lower", "higher"]
ON_TRAINING_ROWS = (
    "training_"  # what begins so is measured on training rows; every other number needs rows that were held out
)


class Incumbent(Value):
    """The approved model package that a candidate is compared with, and where its model lies in the models bucket."""

    arn: str
    uri: str

    @property
    def key(self) -> str:
        """Where it lies relative to the bucket, and so to the file system's mount."""
        return self.uri.removeprefix("s3://").partition("/")[2].rstrip("/")


class Evaluated(Received):
    """One model with its numbers. `tokens` are those of the held-out answers: numbers per token compare only where they are the same."""

    role: Role
    manifest_sha256: str
    kind: str = ""
    path: str = ""
    tokens: int = 0
    numbers: dict[str, FiniteFloat] = Field(max_length=50)
    buckets: dict[str, int] = Field(default_factory=dict)


class Evaluation(Received):
    """What was measured. Without held-out rows (`none`) the numbers are those of training rows, under names of their own."""

    held_out: Literal["validation", "none"]
    rows: int = 0
    left_out: int = 0
    rows_sha256: str = ""
    models: tuple[Evaluated, ...]
    report: str = ""
    report_sha256: str = ""

    def of(self, role: Role) -> Evaluated | None:
        """Return the model in a role."""
        return next((model for model in self.models if model.role == role), None)


def read_evaluation(messages: Iterable[Mapping[str, object]]) -> Evaluation | None:
    """Return the last evaluation among the messages of a run's jobs. Raises WorkloadFailed (EvaluationUnreadable) for what is none."""
    said = [message["evaluation"] for message in messages if "evaluation" in message]
    if not said:
        return None
    try:
        return Evaluation.model_validate(said[-1])
    except ValidationError as error:
        raise WorkloadFailed("EvaluationUnreadable", explain(error)) from error
