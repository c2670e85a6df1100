"""Recipes: parameters within their limits, steps whose names make names of jobs."""

import math

import pytest
from dropforge.domain.recipes import MAX_STEPS, Parameter, Scalar, Step, resolve, unknown
from dropforge.errors import InvalidInput
from pydantic import ValidationError

from tests.builders import recipe, step


def refusal(wanted: dict[str, Scalar], **parameters: Parameter) -> str:
    with pytest.raises(InvalidInput) as raised:
        resolve(recipe(parameters=parameters or None), wanted)
    assert raised.value.failure.code == "BadRunRequest"
    return raised.value.failure.why


def test_parameters_that_nobody_asked_for_have_their_defaults() -> None:
    assert resolve(recipe(), {"steps": 5}) == {"steps": 5, "rate": 0.5, "rank": 8, "mode": "lora"}


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"step": 5}, "Did you mean `parameters.steps`?"),
        ({"steps": 0}, "`parameters.steps` is 0; the recipe allows from 1 to 5000."),
        ({"steps": 5001}, "`parameters.steps` is 5001; the recipe allows from 1 to 5000."),
        ({"steps": 1.5}, "`parameters.steps` must be a whole number, not `1.5`."),
        ({"steps": math.inf}, "`parameters.steps` must be a finite number, not `inf`."),
        ({"rate": math.nan}, "`parameters.rate` must be a finite number, not `nan`."),
        ({"steps": "many"}, "`parameters.steps` must be a number, not `many`."),
        ({"mode": 1}, "`parameters.mode` must be a text, not `1`."),
        ({"rank": 5}, "`parameters.rank` must be one of 4, 8."),
        ({"mode": "half"}, "`parameters.mode` must be one of lora, full."),
    ],
)
def test_a_parameter_that_cannot_be_names_its_limits(wanted: dict[str, Scalar], why: str) -> None:
    assert why in refusal(wanted)


@pytest.mark.parametrize(
    ("parameter", "value", "limits"),
    [(Parameter(default=5, minimum=1), 0, "from 1."), (Parameter(default=5, maximum=9), 10, "to 9.")],
)
def test_a_parameter_with_one_limit_names_that_one(parameter: Parameter, value: int, limits: str) -> None:
    assert refusal({"knob": value}, knob=parameter).endswith(f"the recipe allows {limits}")


def test_bounds_are_inclusive() -> None:
    assert [resolve(recipe(), {"steps": steps})["steps"] for steps in (1, 5000)] == [1, 5000]


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert repr(resolve(recipe(), {"steps": 5.0})["steps"]) == "5"


def test_a_number_with_a_point_is_the_same_however_it_is_written() -> None:
    assert repr(resolve(recipe(), {"rate": 1})["rate"]) == "1.0"


def test_any_change_of_a_recipe_is_another_recipe() -> None:
    digests = {recipe().digest, recipe(description="Other").digest, recipe(step(minutes=61)).digest}
    assert len(digests) == 3
    assert recipe().digest == recipe().digest


@pytest.mark.parametrize("names", [("train", "train"), ("prefetch",)])
def test_two_jobs_of_a_run_cannot_have_one_name(names: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="same name"):
        recipe(*(step(name) for name in names))


def test_a_step_name_that_would_be_cut_from_the_job_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="at most 12"):
        step("evaluate-well")


def test_a_small_step_asks_for_no_accelerators() -> None:
    with pytest.raises(ValidationError, match="step `verify` is small and asks for accelerators"):
        Step(**{**step("verify", accelerators=1).model_dump(), "small": True})


def test_a_run_has_no_more_steps_than_the_machine_is_bounded_for() -> None:
    assert len(recipe(*(step(f"s{n}") for n in range(MAX_STEPS))).steps) == MAX_STEPS
    with pytest.raises(ValidationError, match="at most 11"):
        recipe(*(step(f"s{n}") for n in range(MAX_STEPS + 1)))


def test_a_key_near_to_none_lists_what_there_is() -> None:
    assert unknown("zzz", ["b", "a"]) == "`zzz` is not a key of a run request. Known: a, b."
