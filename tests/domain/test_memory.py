"""Memory: a check of a larger file needs no more of it. scripts/check_memory.py does the same up to 1 GB."""

import pytest

from scripts.check_memory import GROWTH, measure


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["good", "faulty"])
def test_eight_times_the_rows_need_no_more_memory(kind: str) -> None:
    small, large = measure(16, kind), measure(128 if kind == "good" else 64, kind)
    assert large["rows"] > 3 * small["rows"]
    assert large["faults"] == (large["rows"] if kind == "faulty" else 0)
    assert large["peak"] - small["peak"] <= GROWTH
