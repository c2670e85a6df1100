"""Passports: where a model came from, link by link, each link fixed by a digest; the whole fixed by the passport's own.

A passport is written before its model is registered, so it knows nothing of what comes later: an approval binds to the passport's digest and lies
beside it. What is too long for it is named by reference: the listing has every object that was learned from, with its version id.
"""

from typing import TYPE_CHECKING, Literal

from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.datasets import Dataset, Listing
from dropforge.domain.recipes import Scalar
from dropforge.domain.runs import Run
from dropforge.domain.uploads import Upload
from dropforge.domain.values import Sha256, Value, digest
from dropforge.domain.verdicts import Verdict
from dropforge.errors import Conflict

if TYPE_CHECKING:  # as in models.py
    from dropforge.domain.plans import Plan

NAME = "passport.json"
METRICS = "metrics.json"


class Learned(Value):
    """The dataset. `listing` names an object that holds every file with its key, version id and SHA-256, and is itself fixed by its own."""

    id: str
    digest: Sha256
    rows: int
    upload: Upload
    listing: Listing


class Planned(Value):
    """What was planned. `identity` is the digest of `ingredients`, `digest` that of the whole plan as it was carried out."""

    digest: Sha256
    identity: Sha256
    ingredients: dict[str, object]
    parameters: dict[str, Scalar]


class Trained(Value):
    """The image and the recipe. `inputs` is the digest of what the image was built from."""

    image: str
    inputs: str
    recipe: str
    recipe_digest: Sha256
    base_model: str


class Code(Value):
    """Our own code that wrote the passport: its version, and the SHA-256 over the files that ran."""

    version: str
    digest: Sha256


class Passport(Value):
    """A model's passport. `verdict` is the gate's, with what was measured.

    `digest` is the SHA-256 of everything else in it as canonical JSON (sorted keys, no spaces, UTF-8).
    """

    version: Literal["1"] = "1"
    project: str
    run_id: str
    attempt: int
    dataset: Learned
    plan: Planned
    training: Trained
    code: Code
    checkpoint: Checkpoint
    verdict: Verdict | None = None
    digest: str = ""


def issue(
    plan: "Plan", run: Run, dataset: Dataset, checkpoint: Checkpoint, code: Code, verdict: Verdict | None = None
) -> Passport:
    """Return the passport of a verified checkpoint; the same arguments give the same digest."""
    learned = Learned(
        id=dataset.id, digest=dataset.digest, rows=dataset.rows, upload=dataset.upload, listing=dataset.listing
    )
    planned = Planned(
        digest=digest(plan.model_dump(mode="json")),
        identity=plan.identity,
        ingredients=plan.ingredients,
        parameters=plan.parameters,
    )
    trained = Trained(
        image=plan.image,
        inputs=str(plan.ingredients.get("image", "")),
        recipe=plan.recipe,
        recipe_digest=plan.recipe_digest,
        base_model=checkpoint.base_model,
    )
    return sealed(
        Passport(
            project=run.project,
            run_id=run.id,
            attempt=run.attempt,
            dataset=learned,
            plan=planned,
            training=trained,
            code=code,
            checkpoint=checkpoint,
            verdict=verdict,
        )
    )


def sealed(passport: Passport) -> Passport:
    """Return a passport with its own digest in it."""
    return passport.model_copy(update={"digest": digest_of(passport)})


def digest_of(passport: Passport) -> str:
    """Return the digest that a passport must carry, whatever it carries."""
    return digest(passport.model_dump(mode="json", exclude={"digest"}))


def is_whole(passport: Passport) -> bool:
    """Whether nothing in a passport has changed since it was sealed."""
    return passport.digest == digest_of(passport)


def agree(there: Passport, wanted: Passport) -> Passport:
    """Return the passport that is there already. Raises Conflict (PassportDiffers) when it is another model's, or was changed.

    Only the code may differ: a deployment between two tries changes nothing of where the model came from, and the first passport stays.
    """
    said = there.model_dump(exclude={"digest", "code"})
    if not is_whole(there) or said != wanted.model_dump(exclude={"digest", "code"}):
        why = f"The passport of run `{wanted.run_id}`, attempt {wanted.attempt}, is {there.digest[:12]}; {wanted.digest[:12]} was to be written."
        raise Conflict("PassportDiffers", why, {"there": there.digest, "wanted": wanted.digest})
    return there


def key_of(project: str, run_id: str, attempt: int, name: str = NAME) -> str:
    """Return where the passport of an attempt, or what lies beside it, is in the models bucket."""
    return f"runs/{project}/{run_id}/{attempt}/{name}"


def metrics(passport: Passport) -> dict[str, object]:
    """Return what was measured of a model, for the registry: the losses of the training and the evaluation's numbers."""
    held = passport.checkpoint
    evaluation = passport.verdict.evaluation if passport.verdict else None
    losses = {"before": held.loss_before, "after": held.loss_after}
    return {
        "version": "1",
        "passport": passport.digest,
        "training_loss": {name: value for name, value in losses.items() if value is not None},
        "evaluation": {model.role: model.numbers for model in evaluation.models} if evaluation else {},
    }
