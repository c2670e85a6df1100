"""Which tests share a process when several run side by side (`make test`).

The journeys mostly wait, and have one embedded cloud for all of a process: half of them run beside the other half, and everything else beside both.
"""

import pytest

# About half of the journeys' time. A module stays whole: its tests share runs.
APART = ("cancel_and_retry", "nothing_twice", "quota", "command", "refusals", "assertions_read_back")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name each test's process; without pytest-xdist's `--dist loadgroup` this means nothing."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_process(item.nodeid)))


def _process(test: str) -> str:
    if not test.startswith("tests/journeys/"):
        return "rest"
    return "journeys apart" if test.partition("/test_")[2].partition(".py")[0] in APART else "journeys"
