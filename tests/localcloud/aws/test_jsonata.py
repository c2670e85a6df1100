"""Expressions of state machines: variables are bound as the values they are, whatever the expression calls its own."""

from typing import Any

import pytest

from localcloud.aws.jsonata import declare, evaluate


def value_of(expression: str, **variables: Any) -> Any:
    return evaluate(f"({declare({f'${name}': value for name, value in variables.items()})}{expression})")


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "", 'a "b" \\ ; $x:=1;', "😀", [], [1], [[1], [2]], {"a": None}])
def test_a_variable_is_what_was_bound(value: Any) -> None:
    assert value_of("$x", x=value) == value


def test_null_is_there_and_what_is_missing_is_not() -> None:
    assert value_of("[$exists($x.a), $exists($x.b), $x.a = null]", x={"a": None}) == [True, False, True]


def test_numbers_are_doubles() -> None:
    assert value_of("$x", x=9007199254740993) == 9007199254740992
    assert value_of("$string($x)", x=1.0) == "1"


def test_an_expression_may_assign_variables_of_its_own_and_hide_ours() -> None:
    assert value_of("$y := 2; $x + $y", x=3) == 5
    assert value_of("$x:=[1,2];$sum($x)", x=3) == 3
    assert value_of("$x:=1+2;$x", x=7) == 3


def test_one_evaluation_leaves_nothing_for_the_next() -> None:
    assert value_of("$x", x=1) == 1
    assert value_of("$x", x=2) == 2
    assert value_of("$x") is None
