"""Verdicts: what the gate has compared, with which numbers, and whether the model may be registered."""

from typing import Literal

from dropforge.domain.evaluations import Evaluation, Incumbent
from dropforge.domain.values import Value

Rule = Literal["below", "above", "at most", "at least"]
Outcome = Literal["met", "missed", "missing", "not compared"]


class Comparison(Value):
    """One number beside its limit. `reference` is the incumbent's number, from which the limit was made; `why` is one sentence for people."""

    number: str
    against: Literal["requirement", "incumbent"]
    rule: Rule
    outcome: Outcome
    why: str
    value: float | None = None
    limit: float | None = None
    reference: float | None = None


class Verdict(Value):
    """The gate's answer, for one checkpoint. `evidence_uri` is where a model that failed is quarantined, empty for one that passed."""

    passed: bool
    checkpoint_digest: str
    comparisons: tuple[Comparison, ...] = ()
    evaluation: Evaluation | None = None
    incumbent: Incumbent | None = None
    evidence_uri: str = ""

    @property
    def objections(self) -> tuple[Comparison, ...]:
        """What speaks against the model."""
        return tuple(one for one in self.comparisons if one.outcome in ("missed", "missing"))
