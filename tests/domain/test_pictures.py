"""Pictures: bars on one time axis and a curve between round numbers."""

import pytest
from dropforge.domain.curves import draw
from dropforge.domain.pictures import WHOLE, journey, plot, round_numbers, sample

from tests import reports


def test_bars_follow_one_another_and_stay_inside_the_picture() -> None:
    bars = [bar for bar in journey(reports.succeeded()) if not bar.depth]
    starts = [bar.pieces[0].x for bar in bars]
    assert starts == sorted(starts)
    assert all(0 <= piece.x < WHOLE and piece.width > 0 for bar in bars for piece in bar.pieces)


def test_a_job_shows_for_how_long_it_waited_and_for_how_long_it_ran() -> None:
    (train,) = (bar for bar in journey(reports.succeeded()) if bar.name == "train")
    assert (train.depth, train.queued, train.seconds) == (1, 600.0, 1500.0)
    assert [piece.kind for piece in train.pieces] == ["queued", "succeeded"]


def test_a_failed_run_shows_where_it_failed_and_what_it_did_not_reach() -> None:
    words = {bar.name: bar.word for bar in journey(reports.failed())}
    assert (words["RunSteps"], words["train"], words["RegisterModel"]) == ("failed", "failed", "not reached")


def test_a_job_that_waits_is_not_said_to_run() -> None:
    (train,) = (bar for bar in journey(reports.running()) if bar.name == "train")
    assert (train.word, train.seconds, [piece.kind for piece in train.pieces]) == ("queued", None, ["queued"])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.35, 2.85, [0, 1, 2, 3]),
        (1, 60, [0, 20, 40, 60]),
        (2.0, 2.0, [2.0, 2.5, 3.0, 3.5, 4.0]),
        (0, 0, [0, 0.5, 1]),
        (0.001, 0.0042, [0.001, 0.002, 0.003, 0.004, 0.005]),
    ],
)
def test_axes_end_at_round_numbers(low: float, high: float, expected: list[float]) -> None:
    found = round_numbers(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert len(found) <= 7
    if low != high:
        assert found == expected


def test_a_flat_curve_can_be_drawn() -> None:
    curve = draw("train", [(1, 0.0), (2, 0.0), (3, 0.0)])
    assert curve is not None
    assert {y.split(",")[1] for y in plot(curve).line.split()} != set()
    assert all(0 <= tick.place <= 100 for tick in (*plot(curve).x, *plot(curve).y))


def test_every_point_of_a_curve_lies_inside_its_picture() -> None:
    curve = draw("train", reports.losses())
    assert curve is not None
    places = [tuple(map(float, pair.split(","))) for pair in plot(curve).line.split()]
    assert all(0 <= x <= WHOLE and 0 <= y <= WHOLE for x, y in places)


def test_the_table_beside_a_curve_has_its_ends() -> None:
    curve = draw("train", reports.losses())
    assert curve is not None
    found = sample(curve)
    assert (len(found), found[0], found[-1]) == (12, curve.points[0], curve.points[-1])
