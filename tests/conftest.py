"""Which tests share a process when two run side by side (`make test`).

The journeys have one embedded cloud for all of them, and mostly wait; everything else runs beside them.
"""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the journeys into one process and the rest into another; without pytest-xdist's `--dist loadgroup` this means nothing."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("journeys" if item.nodeid.startswith("tests/journeys/") else "rest"))
