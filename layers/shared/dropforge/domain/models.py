"""Models: what stands in the registry, and where it came from."""

from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.datasets import Dataset
from dropforge.domain.plans import Plan
from dropforge.domain.runs import Run
from dropforge.domain.values import Value


class Package(Value):
    """A model package to register. `properties` follow the registry's limits: 50 of them, values of at most 256 characters."""

    uri: str
    image: str
    description: str
    token: str
    properties: dict[str, str]


class Model(Value):
    """A registered, versioned model."""

    arn: str
    group: str
    uri: str
    run_id: str
    kind: str
    digest: str
    base_model: str
    loss_before: float | None = None
    loss_after: float | None = None


def package(plan: Plan, run: Run, dataset: Dataset, checkpoint: Checkpoint) -> Package:
    """Describe a verified checkpoint for the registry, with its lineage."""
    properties = {
        "run": run.id,
        "attempt": str(run.attempt),
        "token": token(run),
        "dataset": dataset.id,
        "dataset_digest": dataset.digest,
        "recipe": f"{plan.recipe}:{plan.recipe_digest[:12]}",
        "base_model": checkpoint.base_model,
        "kind": checkpoint.kind,
        "checkpoint_digest": checkpoint.digest,
        "loss_before": _number(checkpoint.loss_before),
        "loss_after": _number(checkpoint.loss_after),
    }
    return Package(
        uri=checkpoint.uri,
        image=plan.image,
        description=f"Run {run.id}, attempt {run.attempt}, on {dataset.id}",
        token=properties["token"],
        properties={key: value for key, value in properties.items() if value},
    )


def token(run: Run) -> str:
    """Return the mark of an attempt's package: a second registration of the same attempt finds the first one by it."""
    return run.identity[:32] + f"{run.attempt:04d}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def describe(arn: str, group: str, run: Run, checkpoint: Checkpoint) -> Model:
    """Return the model that a registered checkpoint has become."""
    return Model(
        arn=arn,
        group=group,
        uri=checkpoint.uri,
        run_id=run.id,
        kind=checkpoint.kind,
        digest=checkpoint.digest,
        base_model=checkpoint.base_model,
        loss_before=checkpoint.loss_before,
        loss_after=checkpoint.loss_after,
    )
