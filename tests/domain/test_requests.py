"""Run requests: defaults below, the user's keys above, and a mistake that names the nearest right key."""

import pytest
from dropforge.domain.requests import RunRequest, merge, read_request
from dropforge.domain.uploads import RunBlock
from dropforge.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st


def refusal(own: RunBlock) -> str:
    with pytest.raises(InvalidInput) as raised:
        read_request({}, own)
    assert raised.value.failure.code == "BadRunRequest"
    return raised.value.failure.why


def test_everything_has_a_default() -> None:
    assert read_request({}, {}) == RunRequest()
    assert RunRequest().recipe == "cpu-lora"


@pytest.mark.parametrize(
    ("own", "nearest"),
    [
        ({"recepie": "x"}, "recipe"),
        ({"compute": {"node": 2}}, "compute.nodes"),
        ({"budget": {"max_eur": 5}}, "budget.max_usd"),
        ({"promotion": {"aproval": "manual"}}, "promotion.approval"),
    ],
)
def test_an_unknown_key_names_the_nearest_one(own: RunBlock, nearest: str) -> None:
    assert f"Did you mean `{nearest}`?" in refusal(own)


def test_an_unknown_key_that_is_near_to_none_lists_them_all() -> None:
    assert "Known: base_model, budget, budget.max_usd, compute" in refusal({"zzzzzz": 1})


@pytest.mark.parametrize(
    ("own", "path"),
    [
        ({"compute": {"nodes": 0}}, "compute.nodes"),
        ({"budget": {"max_usd": -1}}, "budget.max_usd"),
        ({"compute": {"topology": "best"}}, "compute.topology"),
        ({"compute": {"priority": "Very High"}}, "compute.priority"),
        ({"repeat": "x" * 41}, "repeat"),
    ],
)
def test_a_value_out_of_bounds_is_named_with_what_it_is(own: RunBlock, path: str) -> None:
    assert refusal(own).startswith(f"`{path}`: ")


def test_the_users_keys_lie_on_the_defaults_at_every_depth() -> None:
    request = read_request(
        {"compute": {"nodes": 2, "priority": "low"}, "budget": {"max_usd": 5}}, {"compute": {"nodes": 3}}
    )
    assert (request.compute.nodes, request.compute.priority, request.budget.max_usd) == (3, "low", 5)


def test_another_recipe_starts_without_the_parameters_below_it() -> None:
    below: RunBlock = {"recipe": "a", "parameters": {"rank": 4}, "budget": {"max_usd": 5}}
    request = read_request(below, {"recipe": "b", "parameters": {"steps": 3}})
    assert (request.parameters, request.budget.max_usd) == ({"steps": 3}, 5)
    assert read_request(below, {"recipe": "a", "parameters": {"steps": 3}}).parameters == {"rank": 4, "steps": 3}
    assert read_request({"parameters": {"rank": 4}}, {"recipe": "cpu-lora"}).parameters == {"rank": 4}


def test_merging_changes_neither_side() -> None:
    base: RunBlock = {"compute": {"nodes": 1}}
    over: RunBlock = {"compute": {"priority": "low"}}
    assert merge(base, over) == {"compute": {"nodes": 1, "priority": "low"}}
    assert (base, over) == ({"compute": {"nodes": 1}}, {"compute": {"priority": "low"}})


BLOCK: st.SearchStrategy[RunBlock] = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner | st.integers(), max_size=3),
    max_leaves=8,
)


@given(base=BLOCK, over=BLOCK)
def test_what_lies_above_wins_and_what_it_leaves_out_shines_through(base: RunBlock, over: RunBlock) -> None:
    merged = merge(base, over)
    assert set(merged) == set(base) | set(over)
    assert merge(merged, over) == merged
    assert all(merged[key] == base[key] for key in set(base) - set(over))
    assert all(merged[key] == over[key] for key in over if not isinstance(over[key], dict))
