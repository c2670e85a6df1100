"""Recipes: how to train, as data. A new kind of training is a new file in recipes/ and no new Python."""

import difflib
import math
from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import Field, StrictFloat, StrictInt, StrictStr, StringConstraints, field_validator, model_validator

from dropforge.domain.datasets import Kind
from dropforge.domain.evaluations import Better
from dropforge.domain.values import Slug, Value, digest
from dropforge.errors import InvalidInput

Scalar = StrictStr | StrictInt | StrictFloat  # strict: `true` is not 1
MAX_STEPS = 11  # with the prefetch a run has 12 jobs at most: the machine's history is bounded for that many
LATER = (
    "image",
    "command",
    "measures",
)  # of a step; left out of the digest where unsaid, as they were before they existed
StepName = Annotated[Slug, StringConstraints(max_length=12)]  # a longer one would be cut from the job's name


class Parameter(Value):
    """One knob of a recipe with its limits. Bounds are inclusive."""

    default: Scalar
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Scalar, ...] = ()


class Resources(Value):
    """What one job of a step asks for, as Kubernetes quantities."""

    cpu: str
    memory: str
    accelerators: int = 0


class Step(Value):
    """One job of a run. `arguments` may hold the placeholders that domain/plans.py lists.

    A `small` one needs no accelerator and runs on the cluster's small nodes, where it has some, so as not to wait behind trainings. `image` and
    `command` are the recipe's unless it names its own. `measures` are the numbers that it reports of the model, and which way each is better.
    """

    name: StepName
    arguments: tuple[str, ...]
    resources: Resources
    deadline_minutes: int = Field(gt=0, le=7 * 24 * 60)
    small: bool = False
    image: Slug | None = None
    command: tuple[str, ...] | None = None
    measures: dict[str, Better] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _small_is_small(self) -> Self:
        if self.small and self.resources.accelerators:
            raise ValueError(f"step `{self.name}` is small and asks for accelerators")
        return self


class Stuck(Value):
    """When a training that says nothing more counts as stuck: after so many times its usual pause between two steps, and not before so long."""

    times_median: float = Field(default=20, gt=1)
    at_least_seconds: int = Field(default=300, gt=0)


class Inference(Value):
    """What serves the model, as the registry says it: a container image and its environment. Nothing here has been served by it."""

    image: str = Field(min_length=1, max_length=255)
    environment: dict[str, str] = Field(default_factory=dict, max_length=100)


class Recipe(Value):
    """One file of recipes/. A row of more than `max_tokens` tokens (its bytes divided by `bytes_per_token`) cannot be trained on.

    `tools` says whether rows that call functions can. Without `inference` the registry names the image that trained.
    """

    name: Slug
    description: str
    kinds: tuple[Kind, ...]
    tools: bool = False
    produces: Literal["peft", "hf"]
    image: Slug
    command: tuple[str, ...]
    base_model: str
    instance_types: tuple[str, ...] = Field(min_length=1)
    max_nodes: int = 1
    parameters: dict[str, Parameter]
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)
    progress: str = ""
    max_tokens: int | None = Field(default=None, gt=0)
    bytes_per_token: float = Field(default=4.0, gt=0)
    stuck: Stuck = Stuck()
    inference: Inference | None = None

    @field_validator("steps")
    @classmethod
    def _names_differ(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """A step's name is its job's name, and every run has a job `prefetch`: a second one would find the first one finished."""
        names = ["prefetch", *(step.name for step in steps)]
        if len(set(names)) < len(names):
            raise ValueError(f"two steps have the same name: {', '.join(names)}")
        return steps

    @property
    def digest(self) -> str:
        """The identity of the recipe, 64 hex: any change of how it trains is another recipe; what serves it, or keys of a new release, are none."""
        steps = [step.model_dump(mode="json") for step in self.steps]
        said = [{key: value for key, value in step.items() if key not in LATER or value} for step in steps]
        return digest({**self.model_dump(mode="json", exclude={"inference"}), "steps": said})

    @property
    def measures(self) -> dict[str, Better]:
        """The numbers that its steps report of the model."""
        return {name: better for step in self.steps for name, better in step.measures.items()}

    @property
    def step_images(self) -> tuple[str, ...]:
        """The images that its steps name beside its own."""
        return tuple(sorted({step.image for step in self.steps if step.image is not None}))


def resolve(recipe: Recipe, wanted: dict[str, Scalar]) -> dict[str, Scalar]:
    """Return the recipe's parameters with the user's in place. Raises InvalidInput naming the key and its limits."""
    for key in wanted:
        if key not in recipe.parameters:
            raise InvalidInput(
                "BadRunRequest", unknown("parameters." + key, ["parameters." + k for k in recipe.parameters])
            )
    return {key: _checked(key, p, wanted.get(key, p.default)) for key, p in recipe.parameters.items()}


def _checked(key: str, parameter: Parameter, value: Scalar) -> Scalar:
    objection = _objection(parameter, value)
    if objection is not None:
        raise InvalidInput("BadRunRequest", f"`parameters.{key}` {objection}")
    kind: Callable[[Scalar], Scalar] = type(parameter.default)  # 1 and 1.0 are the same number, hence the same run
    return kind(value)


def _objection(parameter: Parameter, value: Scalar) -> str | None:
    numeric = isinstance(parameter.default, int | float)
    if numeric != isinstance(value, int | float):
        return f"must be a {'number' if numeric else 'text'}, not `{value}`."
    if parameter.choices and value not in parameter.choices:
        return f"must be one of {', '.join(map(str, parameter.choices))}."
    return None if isinstance(value, str) else _number_objection(parameter, value)


def _number_objection(parameter: Parameter, value: float) -> str | None:
    if not math.isfinite(value):
        return f"must be a finite number, not `{value}`."
    if isinstance(parameter.default, int) and value != int(value):
        return f"must be a whole number, not `{value}`."
    low, high = parameter.minimum, parameter.maximum
    if (low is None or value >= low) and (high is None or value <= high):
        return None
    limits = [f"{word} {bound:g}" for word, bound in (("from", low), ("to", high)) if bound is not None]
    return f"is {value:g}; the recipe allows {' '.join(limits)}."


def unknown(key: str, known: list[str]) -> str:
    """Say that `key` is unknown and which of the `known` keys is nearest."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f" Did you mean `{near[0]}`?" if near else f" Known: {', '.join(sorted(known))}."
    return f"`{key}` is not a key of a run request.{hint}"
