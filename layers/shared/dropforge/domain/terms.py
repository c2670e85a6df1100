"""The terms of an attempt: what it was planned with and at what price. Recipes, images and prices change later; what is kept here does not."""

from typing import TYPE_CHECKING

from dropforge.domain.values import Value

if TYPE_CHECKING:  # a plan brings its recipe and request with it, which whoever only announces something need not load
    from dropforge.domain.plans import Plan


class Terms(Value):
    """`ceiling_usd` is the most that the attempt can cost: every step at its deadline, `deadline_hours` together, on `nodes` nodes.

    `usd_per_hour` is the price of one node of `instance_type`, from the cluster's table of `prices_as_of`.
    """

    image: str
    recipe_digest: str
    base_model: str
    instance_type: str
    nodes: int
    deadline_hours: float
    usd_per_hour: float
    prices_as_of: str
    ceiling_usd: float


def terms_of(plan: "Plan") -> Terms:
    """Return the terms of an attempt that carries out `plan`."""
    return Terms(
        image=plan.image,
        recipe_digest=plan.recipe_digest,
        base_model=plan.base_model,
        instance_type=plan.instance_type,
        nodes=plan.nodes,
        deadline_hours=sum(step.deadline_seconds for step in plan.steps) / 3600,
        usd_per_hour=plan.cluster.price_table.of_hour(plan.instance_type),
        prices_as_of=plan.cluster.price_table.as_of,
        ceiling_usd=plan.price_usd,
    )
