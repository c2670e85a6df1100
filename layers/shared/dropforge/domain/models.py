"""Models: what stands in the registry, and where it came from."""

import json
import re
from typing import TYPE_CHECKING

from pydantic import Field

from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.passports import Passport
from dropforge.domain.runs import Run
from dropforge.domain.values import Sha256, Slug, Value

if TYPE_CHECKING:  # a plan brings its recipe and request with it, which whoever only looks at models need not load
    from dropforge.domain.plans import Plan

DETAIL = 1024  # the longest custom detail of a model card
VALUE = 256  # the longest property of a package
_UNTOLD = re.compile(r"[^\w\s.:/=+\-@]")  # what a property may not hold: a base model's name is the user's own text


class Package(Value):
    """A model package to register. `properties` follow the registry's limits: 50 of them, values of at most 256 characters."""

    uri: str
    image: str
    environment: dict[str, str] = Field(default_factory=dict)
    description: str
    token: str
    properties: dict[str, str]
    card: str
    metrics_uri: str


class Model(Value):
    """A registered, versioned model. `passport` is the digest of its passport."""

    arn: str
    group: str
    uri: str
    run_id: str
    kind: str
    digest: str
    base_model: str
    loss_before: float | None = None
    loss_after: float | None = None
    passport: str = ""
    approval: str = "pending"
    approved_by: str = ""


class Registration(Value):
    """What the ledger keeps of a registered model: enough to find it by what it learned from, and where its passport lies."""

    arn: str
    project: Slug
    dataset: Slug
    dataset_id: str
    content: Sha256
    run_id: str
    attempt: int
    at: str
    recipe: str
    kind: str
    uri: str
    passport: Sha256
    loss_before: float | None = None
    loss_after: float | None = None


def package(passport: Passport, plan: "Plan", run: Run, metrics_uri: str) -> Package:
    """Describe a verified checkpoint for the registry, with its lineage. What serves it is the recipe's `inference`, or else what trained it."""
    properties = _properties(passport, run)
    served = plan.inference
    return Package(
        uri=passport.checkpoint.uri,
        image=served.image if served else plan.image,
        environment=served.environment if served else {},
        description=f"Run {run.id}, attempt {run.attempt}, on {passport.dataset.id}",
        token=properties["token"],
        properties=properties,
        card=_card(passport, properties),
        metrics_uri=metrics_uri,
    )


def _properties(passport: Passport, run: Run) -> dict[str, str]:
    held = passport.checkpoint
    properties = {
        "run": run.id,
        "attempt": str(run.attempt),
        "token": token(run),
        "passport": passport.digest,
        "dataset": passport.dataset.id,
        "dataset_digest": passport.dataset.digest,
        "plan_digest": passport.plan.digest,
        "recipe": f"{passport.training.recipe}:{passport.training.recipe_digest[:12]}",
        "base_model": held.base_model,
        "kind": held.kind,
        "checkpoint_digest": held.digest,
        "loss_before": _number(held.loss_before),
        "loss_after": _number(held.loss_after),
    }
    return {key: _UNTOLD.sub("_", value)[:VALUE] for key, value in properties.items() if value}


def _card(passport: Passport, properties: dict[str, str]) -> str:
    """The model card in the registry's simplified schema, which knows no fields of ours: they are custom details."""
    details = {**properties, "image": passport.training.image, "code": passport.code.digest, **_measured(passport)}
    learned = f"Trained on {passport.dataset.rows} rows of {passport.dataset.id} by recipe {passport.training.recipe}."
    content = {
        "model_overview": {"model_creator": "Dropforge", "model_artifact": [passport.checkpoint.uri]},
        "training_details": {"training_observations": learned[:DETAIL]},
        "additional_information": {"custom_details": {key: value[:DETAIL] for key, value in details.items()}},
    }
    return json.dumps(content, sort_keys=True)


def _measured(passport: Passport) -> dict[str, str]:
    """What was measured of the model, and of what it was compared with, on the same rows."""
    evaluation = passport.verdict.evaluation if passport.verdict else None
    models = evaluation.models if evaluation else ()
    return {f"{model.role} {name}": f"{value:g}" for model in models for name, value in sorted(model.numbers.items())}


def token(run: Run) -> str:
    """Return the mark of an attempt's package: a second registration of the same attempt finds the first one by it."""
    return run.identity[:32] + f"{run.attempt:04d}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def describe(arn: str, group: str, run: Run, checkpoint: Checkpoint, passport: str = "") -> Model:
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
        passport=passport,
    )


def registration(model: Model, passport: Passport, run: Run, at: str) -> Registration:
    """Return what the ledger keeps of a model that was registered at `at` (RFC 3339)."""
    return Registration(
        arn=model.arn,
        project=run.project,
        dataset=run.dataset,
        dataset_id=passport.dataset.id,
        content=passport.dataset.digest,
        run_id=run.id,
        attempt=run.attempt,
        at=at,
        recipe=passport.training.recipe,
        kind=model.kind,
        uri=model.uri,
        passport=passport.digest,
        loss_before=model.loss_before,
        loss_after=model.loss_after,
    )
