"""Curves: what a log tells, thinned without losing what one would want to see."""

import pytest
from dropforge.domain.curves import DRAWN, draw, read_points, thin

PATTERN = r"step=(?P<done>\d+)/(?P<total>\d+) loss=(?P<loss>\S+)"


def test_points_are_read_in_the_order_of_their_steps_and_a_step_made_again_counts_once() -> None:
    lines = ["hello", "step=2/9 loss=2.0", "step=3/9 loss=1.5", "step=2/9 loss=1.9", "step=1/9 loss=3"]
    assert read_points(lines, PATTERN) == [(1, 3.0), (2, 1.9), (3, 1.5)]


@pytest.mark.parametrize("said", ["nan", "inf", "1.2.3", "0x1"])
def test_what_only_looks_like_a_loss_is_left_out(said: str) -> None:
    assert read_points([f"step=1/9 loss={said}"], PATTERN) == []


def test_a_recipe_that_does_not_say_what_its_logs_look_like_has_no_curve() -> None:
    assert read_points(["step=1/9 loss=1"], "") == []
    assert draw("train", [(1, 1.0)]) is None


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_its_spike() -> None:
    points = [(n, 1.0) for n in range(50_000)]
    points[31_415] = (31_415, 9.0)
    curve = draw("train", points)
    assert curve is not None
    assert (len(curve.points), curve.measured) == (DRAWN, 50_000)
    assert (curve.points[0], curve.points[-1]) == (points[0], points[-1])
    assert (31_415, 9.0) in curve.points


@pytest.mark.parametrize("count", [2, 3, 399, 400, 401, 402, 799, 1201])
def test_no_thinned_curve_is_longer_than_it_may_be_or_out_of_order(count: int) -> None:
    found = thin([(n, float(n % 7)) for n in range(count)], 400)
    assert len(found) == min(count, 400)
    assert found == sorted(set(found))


def test_the_lowest_point_is_the_measured_one_even_when_it_is_not_drawn() -> None:
    points = [(n, 1.0 - (n == 500) * 1e-9) for n in range(1000)]
    curve = draw("train", points)
    assert curve is not None
    assert curve.lowest[0] == 500
