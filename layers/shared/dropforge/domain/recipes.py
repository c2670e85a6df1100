"""Recipes: how to train, as data. A new kind of training is a new file in recipes/ and no new Python."""

import difflib
from typing import Literal

from pydantic import Field

from dropforge.domain.datasets import Kind
from dropforge.domain.values import Slug, Value, digest
from dropforge.errors import InvalidInput

Scalar = str | int | float


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
    """One job of a run. `arguments` may hold the placeholders that domain/plans.py lists."""

    name: Slug
    arguments: tuple[str, ...]
    resources: Resources
    deadline_minutes: int = Field(gt=0, le=7 * 24 * 60)


class Recipe(Value):
    """One file of recipes/."""

    name: Slug
    description: str
    kinds: tuple[Kind, ...]
    produces: Literal["peft", "hf"]
    image: Slug
    command: tuple[str, ...]
    base_model: str
    instance_types: tuple[str, ...] = Field(min_length=1)
    max_nodes: int = 1
    parameters: dict[str, Parameter]
    steps: tuple[Step, ...] = Field(min_length=1)
    progress: str = ""

    @property
    def digest(self) -> str:
        """The identity of the recipe, 64 hex: any change to the file is another recipe."""
        return digest(self.model_dump(mode="json"))


def resolve(recipe: Recipe, wanted: dict[str, Scalar]) -> dict[str, Scalar]:
    """Return the recipe's parameters with the user's in place. Raises InvalidInput naming the key and its limits."""
    for key in wanted:
        if key not in recipe.parameters:
            raise InvalidInput(
                "BadRunRequest", unknown("parameters." + key, ["parameters." + k for k in recipe.parameters])
            )
    return {key: _checked(key, p, wanted.get(key, p.default)) for key, p in recipe.parameters.items()}


def _checked(key: str, parameter: Parameter, value: Scalar) -> Scalar:
    numeric = isinstance(parameter.default, int | float)
    if numeric != (isinstance(value, int | float) and not isinstance(value, bool)):
        raise InvalidInput(
            "BadRunRequest", f"`parameters.{key}` must be a {'number' if numeric else 'text'}, not `{value}`."
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput("BadRunRequest", f"`parameters.{key}` must be a finite number, not `{value}`.")
    if isinstance(parameter.default, int) and value != int(value):
        raise InvalidInput("BadRunRequest", f"`parameters.{key}` must be a whole number, not `{value}`.")
    if parameter.choices and value not in parameter.choices:
        raise InvalidInput(
            "BadRunRequest", f"`parameters.{key}` must be one of {', '.join(map(str, parameter.choices))}."
        )
    if isinstance(value, int | float) and not _within(parameter, value):
        limits = f"from {parameter.minimum:g} to {parameter.maximum:g}"
        raise InvalidInput("BadRunRequest", f"`parameters.{key}` is {value:g}; the recipe allows {limits}.")
    return int(value) if isinstance(parameter.default, int) else value


def _within(parameter: Parameter, value: float) -> bool:
    low, high = parameter.minimum, parameter.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def unknown(key: str, known: list[str]) -> str:
    """Say that `key` is unknown and which of the `known` keys is nearest."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f" Did you mean `{near[0]}`?" if near else f" Known: {', '.join(sorted(known))}."
    return f"`{key}` is not a key of a run request.{hint}"
