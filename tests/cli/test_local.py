"""`dropforge local up` and `down`: what is up is stopped from another terminal, and nothing is taken for it that is not."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.conftest import Run


def test_nothing_is_up_before_it_was_started_or_after_it_was_killed(run: Run, tmp_path: Path) -> None:
    assert run("local", "down", "--folder", str(tmp_path)).out == "nothing is up\n"
    (tmp_path / "running").write_text(str(os.getpid()))  # somebody else by now
    assert run("local", "down", "--folder", str(tmp_path)).out == "nothing is up\n"


def test_what_is_up_is_stopped_and_cannot_be_started_twice(run: Run, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli", "local", "up", "--port", "0", "--folder", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    note, end = tmp_path / "running", time.monotonic() + 120
    while not (note.exists() and note.read_text()) and time.monotonic() < end:
        time.sleep(0.2)
    again = run("local", "up", "--folder", str(tmp_path))
    assert (again.code, "up already" in again.out) == (1, True)
    assert run("local", "down", "--folder", str(tmp_path)).out == "stopped\n"
    assert process.wait(30) == 0
    assert run("local", "down", "--folder", str(tmp_path)).out == "nothing is up\n"
