"""The benchmark of the watcher measures what it says: both sides see the same jobs, in as many requests as there are pages."""

import json
import subprocess
import sys

from benchmarks import watcher
from benchmarks.measure import Figure


def test_a_small_run_asks_for_each_page_once() -> None:
    figures = {figure.what: figure for figure in watcher.run(1200, 1)}
    assert [figures[f"requests for {kind}"].value for kind in ("jobs", "workloads")] == [3, 3]
    assert figures["size of a Job"].value > 4
    assert all(figure.value > 0 for figure in figures.values())


def test_the_command_tells_machines_every_figure_and_whether_all_bounds_were_kept() -> None:
    command = [sys.executable, "-m", "benchmarks", "watcher", "--size", "100", "--rounds", "1", "--json"]
    ended = subprocess.run(command, capture_output=True, check=False)
    figures = json.loads(ended.stdout)["watcher"]
    assert ended.returncode == (0 if all(figure["kept"] for figure in figures) else 1)


def test_a_figure_beyond_its_bound_is_not_kept() -> None:
    assert (Figure("ratio", 0.21, "x", 0.2).kept, Figure("ratio", 0.2, "x", 0.2).kept) == (False, True)
