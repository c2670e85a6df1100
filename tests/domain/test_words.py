"""Words for times, sums and strange characters."""

import pytest
from dropforge.domain.words import took, usd, visible, when


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (754, "12 min 34 s"),
        (7260, "2 h 1 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_length_of_time_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert took(seconds) == said


@pytest.mark.parametrize(("amount", "said"), [(0, "$0.00"), (0.001, "less than $0.01"), (1234.5, "$1,234.50")])
def test_a_sum_that_is_not_nothing_is_not_said_to_be(amount: float, said: str) -> None:
    assert usd(amount) == said


def test_a_time_is_said_in_utc_and_what_is_none_stays() -> None:
    assert when("2026-01-02T04:04:05.678+01:00") == "2026-01-02 03:04:05 UTC"
    assert when(0.0) == "1970-01-01 00:00:00 UTC"
    assert when("soon") == "soon"


def test_colours_go_unseen_characters_are_named_and_length_is_bounded() -> None:
    assert visible("\x1b[31mred\x1b[0m\u202e\x00 tab\there") == "red\\u202e\\u0000 tab\there"
    assert visible("x" * 12, 10) == "xxxxxxxxxx… (2 more characters)"
