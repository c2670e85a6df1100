"""Previews: what a run would do, cost and wait for, as people see it before anything is made."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from dropforge.domain.callers import Asked
from dropforge.domain.drafts import Draft
from dropforge.domain.fits import Fit, worst
from dropforge.domain.plans import Plan, PlannedStep
from dropforge.domain.prices import LEAST_MINUTES
from dropforge.domain.recipes import Scalar
from dropforge.domain.runs import Run, decide
from dropforge.domain.uploads import RunBlock
from dropforge.domain.values import Sha256, Slug, Value
from dropforge.errors import Conflict

NOBODY = ""  # no execution: nothing is held in the name of a preview


class ToPreview(Asked):
    """What a person wants planned: a dataset that is only read (`draft`), or one that is uploaded: by key, by version, or the newest of the name."""

    project: Slug
    dataset: Slug
    key: str = Field(default="", max_length=1024)
    version: str = Field(default="", pattern="^([0-9a-f]{12})?$")
    draft: Draft | None = None
    run: RunBlock = Field(default_factory=dict)


class Difference(Value):
    """What a run would be made of, where an earlier one was made of something else; values as JSON would show them."""

    field: str
    before: str
    now: str


class Reuse(Value):
    """What becomes of a run that exists already, or how this one differs from the newest of its dataset's name."""

    answer: Literal["new", "joins", "reused", "retries"]
    why: str
    run_id: str = ""
    status: str = ""
    attempt: int = 0
    model_arn: str = ""
    compared_with: str = ""
    differences: tuple[Difference, ...] = ()


class Price(Value):
    """The least and the most that a run costs, in US dollars, and what each number assumes."""

    least_usd: float
    most_usd: float
    as_of: str
    assumes: tuple[str, ...]


class PreviewedStep(Value):
    """A step and whether its job would be admitted now."""

    step: PlannedStep
    fit: Fit


class Preview(Value):
    """What a run would do. `uploaded` says whether the dataset is there already; `manifests_sha256` is of all its jobs, in order."""

    run_id: str
    identity: Sha256
    project: Slug
    dataset_id: str
    uploaded: bool
    rows: int
    team: Slug
    cluster: Slug
    image: str
    recipe: Slug
    base_model: str
    parameters: dict[str, Scalar]
    instance_type: str
    nodes: int
    priority: Slug
    steps: tuple[PreviewedStep, ...]
    manifests_sha256: Sha256
    reuse: Reuse
    fit: Fit
    price: Price

    @classmethod
    def of_plan(cls) -> set[str]:
        """Return the fields that are the plan's own, as they are."""
        return (cls.model_fields.keys() & Plan.model_fields.keys()) - {"steps", "cluster"}

    @property
    def works(self) -> bool:
        """Whether the run could ever end: false when one of its jobs would never be admitted, unless nothing has to run."""
        return self.fit.answer != "never" or self.reuse.answer in ("reused", "joins")


def reuse_of(plan: Plan, existing: Run | None, newest: Run | None) -> Reuse:
    """Say what AdmitRun would do with a plan. Raises Conflict (IdentityCollision) as it would.

    `existing` is the run of the plan's identity, `newest` the newest run of the dataset's name, whatever its identity.
    """
    decision = decide(existing, plan.identity, NOBODY)
    if existing is None or decision == "claim":
        return _new(plan, newest)
    if decision == "collision":
        raise Conflict("IdentityCollision", f"`{existing.id}` stands for another run.", {"run": existing.id})
    known = {"run_id": existing.id, "status": existing.status, "attempt": existing.attempt}
    if existing.status == "succeeded":
        why = f"Run {existing.id} has made this model already; nothing is trained."
        return Reuse(answer="reused", why=why, model_arn=existing.model_arn or "", **known)
    if decision == "retry":
        why = f"Run {existing.id} is the same and {existing.status}: this would be its attempt {existing.attempt + 1}."
        return Reuse(answer="retries", why=why, **known)
    return Reuse(answer="joins", why=f"Run {existing.id} is the same and runs now; a drop would join it.", **known)


def _new(plan: Plan, newest: Run | None) -> Reuse:
    if newest is None:
        return Reuse(answer="new", why="No run of this dataset's name is known.")
    found = differences(newest.ingredients, plan.ingredients) if newest.ingredients else ()
    if not found:
        why = f"Run {newest.id} is the newest of this dataset's name; what it was made of is not recorded in full."
    else:
        why = (
            f"Run {newest.id} is the newest of this dataset's name, and differs in {', '.join(d.field for d in found)}."
        )
    return Reuse(answer="new", why=why, compared_with=newest.id, differences=found)


def differences(before: dict[str, object], now: dict[str, object], prefix: str = "") -> tuple[Difference, ...]:
    """Return where two runs' ingredients differ, key by key at every depth."""
    found: list[Difference] = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(Difference(field=prefix + key, before=_said(old), now=_said(new)))
    return tuple(found)


def _said(value: object) -> str:
    if isinstance(value, list | tuple):
        return " x ".join(map(str, value))
    return "nothing" if value is None else str(value)


def price_of(plan: Plan, reuse: Reuse) -> Price:
    """Return the price of a plan, as a range."""
    prices = plan.cluster.price_table
    if reuse.answer in ("reused", "joins"):
        free = f"Run {reuse.run_id} has done or does the work and pays for it; a drop of this costs nothing more."
        return Price(least_usd=0, most_usd=0, assumes=(free,), as_of=prices.as_of)
    least = sum(prices.of_hour(step.instance_type) for step in plan.steps) * plan.nodes * LEAST_MINUTES / 60
    return Price(least_usd=least, most_usd=plan.price_usd, assumes=_assumed(plan), as_of=prices.as_of)


def _assumed(plan: Plan) -> tuple[str, ...]:
    types = sorted({step.instance_type for step in plan.steps})
    hourly = ", ".join(f"{name} ${plan.cluster.price_table.of_hour(name):,.2f}" for name in types)
    minutes = ", ".join(f"{step.name} {step.deadline_seconds // 60}" for step in plan.steps)
    return (
        f"An hour of an instance costs: {hourly} (the cluster's table of {plan.cluster.price_table.as_of}).",
        f"At least: every step holds {plan.nodes} x its instance for {LEAST_MINUTES} minute, to start and to stop.",
        f"At most: every step runs to its deadline (minutes: {minutes}).",
        "Not counted: waiting for quota, which holds no instance; storage; nodes that stand idle; retries.",
    )


def together(fits: Sequence[Fit], reuse: Reuse) -> Fit:
    """Return what the fit of every step says of the run: its worst step's."""
    if reuse.answer == "reused":
        return Fit(answer="now", why="Nothing has to run.")
    return worst(fits)
