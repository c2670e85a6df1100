"""The run request: one contract for run.yaml, a manifest's `run` block, a start by hand and the command line."""

from typing import Literal, Self

from pydantic import Field, FiniteFloat, ValidationError, model_validator

from dropforge.domain.recipes import Scalar, unknown
from dropforge.domain.uploads import RunBlock
from dropforge.domain.values import Slug, Value
from dropforge.errors import InvalidInput


class Compute(Value):
    """What to run on. An absent instance type means the recipe's first."""

    instance_type: str | None = None
    nodes: int = Field(default=1, ge=1)
    priority: Slug = "training"
    topology: Literal["preferred", "required", "none"] = "preferred"


class Budget(Value):
    """What the run may cost at most."""

    max_usd: float | None = Field(default=None, ge=0)


class Bound(Value):
    """What an evaluation's number must be."""

    below: FiniteFloat | None = None
    above: FiniteFloat | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.below is None and self.above is None:
            raise ValueError("say `below`, `above` or both")
        return self


class Margin(Value):
    """By how much a number may be worse than the incumbent's."""

    at_most_worse_by: float = Field(ge=0, allow_inf_nan=False)


class EvaluationGate(Value):
    """What the model must reach before it is registered. Without `against_incumbent` the gate's own comparison counts; empty, none does."""

    require: dict[str, Bound] = Field(default_factory=dict)
    against_incumbent: dict[str, Margin] | None = None


class Promotion(Value):
    """Who says yes to the model."""

    approval: Literal["manual", "automatic"] = "manual"


class RunRequest(Value):
    """How to turn a dataset into a model. Everything has a default."""

    recipe: str = "cpu-lora"
    base_model: str | None = None
    parameters: dict[str, Scalar] = Field(default_factory=dict)
    compute: Compute = Compute()
    budget: Budget = Budget()
    evaluation: EvaluationGate = EvaluationGate()
    promotion: Promotion = Promotion()
    repeat: str | None = Field(default=None, max_length=40)


def merge(base: RunBlock, over: RunBlock) -> RunBlock:
    """Return `base` with `over` laid on it, key by key at every depth."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def lay(base: RunBlock, over: RunBlock) -> RunBlock:
    """Return a request block with `over` laid on it. Parameters belong to a recipe: another recipe starts without those below it."""
    changed = {"recipe"} <= base.keys() & over.keys() and base["recipe"] != over["recipe"]
    below = {key: value for key, value in base.items() if not (changed and key == "parameters")}
    return merge(below, over)


def read_request(defaults: RunBlock, own: RunBlock) -> RunRequest:
    """Return the request with the defaults below it. Raises InvalidInput naming the key and the nearest valid one."""
    try:
        return RunRequest.model_validate(lay(defaults, own))
    except ValidationError as error:
        raise InvalidInput("BadRunRequest", " ".join(_explain(e) for e in error.errors()[:5])) from error


def fault_of(block: RunBlock) -> tuple[tuple[str, ...], str] | None:
    """Return the place (as keys) and the text of the first thing that is wrong with a request block, or None."""
    try:
        RunRequest.model_validate(block)
    except ValidationError as error:
        first = error.errors()[0]
        return tuple(str(part) for part in first["loc"]), _explain(first)
    return None


def _explain(error: object) -> str:
    assert isinstance(error, dict)  # noqa: S101  pydantic's ErrorDetails is a TypedDict
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return unknown(path, _known_keys(RunRequest, ""))
    return f"`{path}`: {error['msg']} (it is `{error['input']}`)."


def _known_keys(value: type[Value], prefix: str) -> list[str]:
    keys: list[str] = []
    for name, field in value.model_fields.items():
        keys.append(prefix + name)
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, Value):
            keys += _known_keys(nested, f"{prefix}{name}.")
    return keys
