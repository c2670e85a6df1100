"""Faults on demand, so that whoever runs trainings can practise what happens when one goes wrong. All are off by default.

A fault leaves a mark in the folder of checkpoints before it strikes, so that it strikes once and the next attempt passes
the step. Without such a folder there is nothing to go on from, and it strikes every time.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import Failure
from .files import write_whole
from .report import say

MARK = ".drill-"


@dataclass(frozen=True)
class Drill:
    """The steps before which training fails, hangs or is killed, and from which on a checkpoint is truncated."""

    fail: tuple[int, ...] = ()
    hang: tuple[int, ...] = ()
    kill: tuple[int, ...] = ()
    truncate: tuple[int, ...] = ()


def strike(drill: Drill, step: int, marks: Path | None) -> None:
    """Do what was asked for just before a step: its predecessor is finished and, if it was due, in a checkpoint."""
    faults: tuple[tuple[str, tuple[int, ...], Callable[[int], None]], ...] = (
        ("kill", drill.kill, _kill),
        ("hang", drill.hang, _hang),
        ("fail", drill.fail, _fail),
    )
    for name, steps, fault in faults:
        if step in steps and _is_first(name, step, marks):
            fault(step)


def truncate(drill: Drill, step: int, file: Path, marks: Path) -> None:
    """Cut a file of the checkpoint at `step` in half, if one at or after a step that has passed was to be damaged."""
    for asked in drill.truncate:
        if asked <= step and _is_first("truncate", asked, marks):
            os.truncate(file, file.stat().st_size // 2)
            say(f"drill: {file.parent.name}/{file.name} was cut in half, as --truncate-checkpoint {asked} asks")


def _is_first(name: str, step: int, marks: Path | None) -> bool:
    """Whether a fault has not struck yet; it has from now on."""
    if marks is None:
        return True
    mark = marks / f"{MARK}{name}-{step}"
    if mark.exists():
        return False
    write_whole(mark, b"")
    return True


def _fail(step: int) -> None:
    cause = f"a drill: --fail-at-step {step} asks training to fail just before step {step}"
    raise Failure("drill", cause, "retry: the next attempt passes this step; leave the switch out to have no drill")


def _hang(step: int) -> None:
    say(f"drill: training hangs before step {step}, as --hang-at-step {step} asks")
    while True:
        time.sleep(3600)


def _kill(step: int) -> None:
    say(f"drill: the process kills itself before step {step}, as --kill-at-step {step} asks")
    os.kill(os.getpid(), signal.SIGKILL)
