"""Plans: what a run would do, as data: its identity, its jobs in order, its price.

Planning creates nothing. A placeholder in a step's arguments is one of: {listing} (path of the dataset's listing), {listing_sha256} (its
digest), {mount} (the folder that keys of the datasets bucket lie below), {model} (the attempt's model), {exports} (where the last step moves
it to, under the name of its manifest's hash), {checkpoints} (the run's own, the same for every attempt), {work} (the attempt's own folder),
{cache} (the project's cache), {incumbent} (the model that the group has approved last, empty without one), {base_model} and any parameter of
the recipe by name.
"""

import math
from typing import Literal, NamedTuple

from pydantic import Field

from dropforge import naming
from dropforge.domain.clusters import Cluster, Image, Project
from dropforge.domain.datasets import Dataset
from dropforge.domain.evaluations import Better, Incumbent
from dropforge.domain.file_systems import COPY_HOURS, LINE_HOURS
from dropforge.domain.gates import check as check_gate
from dropforge.domain.prices import check_budget
from dropforge.domain.recipes import MAX_STEPS, Inference, Recipe, Resources, Scalar, Step, Stuck, resolve
from dropforge.domain.requests import RunRequest
from dropforge.domain.values import Sha256, Slug, Value, digest
from dropforge.errors import InvalidInput

QUEUE_CEILING_HOURS = 24 * 7  # how long a job may wait for quota before the run gives up
COPIES_HOURS = 2 * (LINE_HOURS + COPY_HOURS)  # StageDataset and PromoteCheckpoint together, at the longest
PREFETCH = Step(
    name="prefetch",
    arguments=("prefetch", "--listing", "{listing}", "--sha256", "{listing_sha256}", "--mount", "{mount}"),
    resources=Resources(cpu="500m", memory="512Mi"),
    deadline_minutes=120,
    small=True,
)


class PlannedStep(Value):
    """One job to come. `timeout_seconds` is the queue ceiling plus the deadline; the deadline counts from the job's start.

    An empty `image` is the plan's.
    """

    name: Slug
    command: tuple[str, ...]
    resources: Resources
    instance_type: str
    deadline_seconds: int
    timeout_seconds: int
    image: str = ""


class Place(NamedTuple):
    """Where a run would go. Two environments may share a cluster, so the environment is part of what tells runs and their jobs apart."""

    environment: str
    cluster: Cluster
    image: Image
    step_images: dict[str, Image] = {}  # noqa: RUF012  read only


class Plan(Value):
    """What a run would do. `price_usd` is the most it can cost: every step at its deadline. `sources` are S3 URIs of objects or whole folders."""

    run_id: str
    identity: Sha256
    ingredients: dict[str, object] = Field(default_factory=dict)
    environment: Slug
    project: Slug
    dataset: Slug
    dataset_id: str
    team: Slug
    cluster: Cluster
    image: str
    recipe: Slug
    recipe_digest: Sha256
    produces: Literal["peft", "hf"]
    base_model: str
    parameters: dict[str, Scalar]
    instance_type: str
    nodes: int
    priority: Slug
    progress: str
    stuck: Stuck
    price_usd: float
    request: RunRequest
    steps: tuple[PlannedStep, ...] = Field(min_length=1, max_length=MAX_STEPS + 1)
    measures: dict[str, Better] = Field(default_factory=dict)
    sources: tuple[str, ...]
    inference: Inference | None = None


def ingredients(
    dataset: Dataset, recipe: Recipe, request: RunRequest, place: Place, shape: tuple[int, int]
) -> dict[str, object]:
    """Return what a run is made of; its digest is the run's identity. Budget, priority, gate and promotion are not part of it.

    Images of steps are named only where a recipe has some, so that no other run's identity knows of them. `shape` is (nodes, accelerators): a run
    on another number of either trains another model.
    """
    own = {name: place.step_images[name].inputs for name in recipe.step_images}
    return {
        "environment": place.environment,
        "project": dataset.project,
        "dataset": dataset.digest,
        "recipe": recipe.digest,
        "base_model": request.base_model or recipe.base_model,
        "image": place.image.inputs,
        **({"step_images": own} if own else {}),
        "parameters": resolve(recipe, request.parameters),
        "shape": list(shape),
        "repeat": request.repeat,
    }


def model_folder(project: str, run_id: str, attempt: int) -> str:
    """Return where an attempt writes its model, relative to the mount."""
    return f"runs/{project}/{run_id}/{attempt}/model"


def export_folder(project: str, digest: str) -> str:
    """Return where a verified model lies, relative to the mount and, once promoted, to the models bucket. `digest` is its manifest's SHA-256."""
    return f"exports/{project}/{digest}"


def plan(dataset: Dataset, request: RunRequest, recipe: Recipe, project: Project, place: Place) -> Plan:
    """Decide what a run does. Raises InvalidInput or QuotaExceeded when it could never work."""
    instance_type = _instance_type(dataset, recipe, request)
    steps = tuple(
        _planned(step, recipe, place, _node(step, place.cluster, instance_type)) for step in (PREFETCH, *recipe.steps)
    )
    price = sum(_price_usd(step, place.cluster, request.compute.nodes) for step in steps)
    check_budget(price, request.budget.max_usd)
    _check_approval(request, project)
    shape = (request.compute.nodes, max(step.resources.accelerators for step in steps))
    _check_rows(dataset, recipe, resolve(recipe, request.parameters), shape)
    check_gate(request.evaluation, recipe.measures, dataset.rows - dataset.train_rows)
    whole = ingredients(dataset, recipe, request, place, shape)
    return Plan(
        run_id=naming.run(dataset.name, digest(whole)),
        identity=digest(whole),
        ingredients=whole,
        environment=place.environment,
        project=dataset.project,
        dataset=dataset.name,
        dataset_id=dataset.id,
        team=project.team,
        cluster=place.cluster,
        image=place.image.uri,
        recipe=recipe.name,
        recipe_digest=recipe.digest,
        produces=recipe.produces,
        base_model=request.base_model or recipe.base_model,
        parameters=resolve(recipe, request.parameters),
        instance_type=instance_type,
        nodes=request.compute.nodes,
        priority=request.compute.priority,
        progress=recipe.progress,
        stuck=recipe.stuck,
        price_usd=price,
        request=request,
        steps=steps,
        measures=recipe.measures,
        sources=dataset.sources,
        inference=recipe.inference,
    )


def _check_approval(request: RunRequest, project: Project) -> None:
    if request.promotion.approval == "automatic" and not project.automatic_approval:
        why = f"`promotion.approval` is `automatic`, and the project `{project.name}` does not allow it."
        raise InvalidInput("ApprovalNotAllowed", why, {"project": project.name})


def longest_hours(plan: Plan) -> float:
    """Return for how long a run of this plan may hold what it pays for: every wait for quota and every deadline to its end, and the copies."""
    return COPIES_HOURS + sum(step.timeout_seconds for step in plan.steps) / 3600


def _check_rows(dataset: Dataset, recipe: Recipe, parameters: dict[str, Scalar], shape: tuple[int, int]) -> None:
    """Refuse rows that the model cannot read whole, and fewer of them than one step takes (parameter `batch_size`, on every accelerator)."""
    tokens = math.ceil(dataset.longest_bytes / recipe.bytes_per_token)
    if recipe.max_tokens is not None and tokens > recipe.max_tokens:
        why = (
            f"{dataset.longest_at} has {dataset.longest_bytes:,} bytes, about {tokens:,} tokens; "
            f"`{recipe.name}` reads at most {recipe.max_tokens:,}."
        )
        raise InvalidInput("RowsTooLong", why, {"at": dataset.longest_at, "tokens": tokens})
    nodes, accelerators = shape[0], max(shape[1], 1)
    wanted = int(parameters.get("batch_size", 1)) * nodes * accelerators
    if dataset.train_rows < wanted:
        counted = f"batch_size {parameters.get('batch_size', 1)} x nodes {nodes} x accelerators {accelerators}"
        why = f"There are {dataset.train_rows:,} rows to train on; one step takes {wanted:,} ({counted})."
        raise InvalidInput("TooFewRows", why, {"rows": dataset.train_rows, "wanted": wanted})


def _instance_type(dataset: Dataset, recipe: Recipe, request: RunRequest) -> str:
    if dataset.kind not in recipe.kinds:
        why = f"`{recipe.name}` trains on {', '.join(recipe.kinds)}; this dataset is {dataset.kind}."
        raise InvalidInput("WrongKind", why)
    if dataset.tool_rows and not recipe.tools:
        why = f"{dataset.tool_rows:,} rows call functions, and `{recipe.name}` does not train on such rows."
        raise InvalidInput("WrongKind", why, {"rows": dataset.tool_rows})
    wanted = request.compute.instance_type or recipe.instance_types[0]
    if wanted not in recipe.instance_types:
        why = f"`{recipe.name}` does not run on `{wanted}`."
        raise InvalidInput("InstanceTypeNotAllowed", why, {"allowed": list(recipe.instance_types)})
    if request.compute.nodes > recipe.max_nodes:
        why = f"`compute.nodes` is {request.compute.nodes}; `{recipe.name}` runs on at most {recipe.max_nodes}."
        raise InvalidInput("BadRunRequest", why)
    return wanted


def _node(step: Step, cluster: Cluster, instance_type: str) -> str:
    """Return the instance type that a step runs on."""
    return cluster.small_instance_type if step.small and cluster.small_instance_type else instance_type


def _planned(step: Step, recipe: Recipe, place: Place, instance_type: str) -> PlannedStep:
    deadline = step.deadline_minutes * 60
    return PlannedStep(
        name=step.name,
        command=(*(step.command or recipe.command), *step.arguments),
        resources=step.resources,
        instance_type=instance_type,
        deadline_seconds=deadline,
        timeout_seconds=QUEUE_CEILING_HOURS * 3600 + deadline,
        image=place.step_images[step.image].uri if step.image else "",
    )


def _price_usd(step: PlannedStep, cluster: Cluster, nodes: int) -> float:
    """Return the most that a step can cost."""
    return cluster.price_table.of_hour(step.instance_type) * nodes * step.deadline_seconds / 3600


def needs_incumbent(step: PlannedStep) -> bool:
    """Whether a step compares the model with the incumbent."""
    return any("{incumbent}" in part for part in step.command)


def fill(
    plan: Plan, dataset: Dataset, model: str, step: PlannedStep, incumbent: Incumbent | None = None
) -> tuple[str, ...]:
    """Return a step's command with every placeholder filled; `model` is the attempt's model folder, relative to the mount.

    Raises InvalidInput for a placeholder that the recipe got wrong.
    """
    mount = plan.cluster.mount_path
    work = model.rpartition("/")[0]
    values: dict[str, Scalar] = {
        **plan.parameters,
        "listing": f"{mount}/{dataset.listing.key}",
        "listing_sha256": dataset.listing.sha256,
        "mount": mount,
        "model": f"{mount}/{model}",
        "exports": f"{mount}/exports/{plan.project}",
        "checkpoints": f"{mount}/{work.rpartition('/')[0]}/checkpoints",
        "work": f"{mount}/{work}",
        "cache": f"{mount}/caches/{plan.project}",
        "incumbent": f"{mount}/{incumbent.key}" if incumbent else "",
        "base_model": plan.base_model,
    }
    try:
        return tuple(part.format(**values) for part in step.command)
    except (KeyError, IndexError, ValueError) as error:
        why = f"Step `{step.name}` of recipe `{plan.recipe}` has a placeholder that does not exist: {error}."
        raise InvalidInput("BadRunRequest", why) from error
