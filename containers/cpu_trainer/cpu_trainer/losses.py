"""The loss curve: one JSON line per step, in the order of the steps and each step once."""

import json
from collections.abc import Sequence
from pathlib import Path

from .checkpoint import unsealed
from .files import write_whole
from .training import Progress

LOSSES = "loss.jsonl"


def line(done: Progress) -> str:
    """Return the line of a step; the loss is written so that it is read back exactly."""
    content = {"step": done.step, "loss": done.loss, "rate": done.rate, "seconds": round(done.seconds, 3)}
    return json.dumps(content) + "\n"


def write_losses(path: Path, history: Sequence[Progress]) -> None:
    """Write a curve whole."""
    write_whole(path, "".join(line(done) for done in history).encode())


def read_losses(path: Path) -> list[Progress]:
    """Read a curve. Fails when a line is none of ours."""
    return [_parse(path, number, text) for number, text in enumerate(path.read_text().splitlines(), start=1)]


def _parse(path: Path, number: int, text: str) -> Progress:
    match json.loads(text):
        case {"step": int(step), "loss": float(loss), "rate": float(rate), "seconds": float(seconds)}:
            return Progress(step, loss, rate, seconds)
    raise unsealed(path.name, f"line {number} is not a step with loss, rate and seconds")
