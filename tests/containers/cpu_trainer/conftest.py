"""Builders for the trainer's tests: a model small enough to train in milliseconds, rows, and real processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cpu_trainer
import pytest
from cpu_trainer.finetune import finetune
from cpu_trainer.model import Config
from cpu_trainer.prepare import Base, prepare
from cpu_trainer.staged import by_hand
from cpu_trainer.tuning import Duration, Tuning

SOURCE = str(Path(cpu_trainer.__file__).parents[1])
SMALL_FLAGS = ("--base-steps", "4", "--hidden-size", "16", "--layers", "1", "--heads", "2")
SMALL = Base(steps=4, config=Config(hidden_size=16, layers=1, heads=2))


@dataclass(frozen=True)
class Ended:
    """A process that has ended, and the termination message it left."""

    code: int
    out: str
    err: str
    message: dict[str, Any]


Run = Callable[..., Ended]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": SOURCE, "TERMINATION_MESSAGE_PATH": str(tmp_path / "termination-log")}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    def start(*arguments: object, **changed: str) -> Ended:
        settings = environment | changed
        command = [sys.executable, "-m", "cpu_trainer", *map(str, arguments)]
        done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)
        left = Path(settings["TERMINATION_MESSAGE_PATH"])
        message = json.loads(left.read_text()) if left.is_file() else {}
        return Ended(done.returncode, done.stdout, done.stderr, message)

    return start


@pytest.fixture
def stopped(environment: dict[str, str]) -> Callable[..., tuple[int, list[str]]]:
    """Start a step, send SIGTERM after its first line of progress, and return exit code and later lines."""

    def start(*arguments: object) -> tuple[int, list[str]]:
        command = [sys.executable, "-m", "cpu_trainer", *map(str, arguments)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("step=")
            process.send_signal(signal.SIGTERM)
            rest = process.stdout.read().splitlines()
            return process.wait(timeout=20), rest

    return start


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: object, name: str = "train.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
        return path

    return write


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the small base, for tests that only read it."""
    folder = tmp_path_factory.mktemp("cache")
    prepare(SMALL, folder)
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "train.jsonl"
    rows = [{"prompt": f"Say {word}.", "completion": f"{word}!"} for word in ("one", "two", "three", "four", "five")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of preferences."""
    path = tmp_path_factory.mktemp("pairs") / "train.jsonl"
    words = ("one", "two", "three", "four", "five")
    rows = [{"prompt": f"Say {word}.", "chosen": f"{word}!", "rejected": "No."} for word in words]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def tuning() -> Callable[..., Tuning]:
    def build(mode: str = "lora", **changed: Any) -> Tuning:
        usual: dict[str, Any] = {
            "duration": Duration(steps=6),
            "batch_size": 4,
            "learning_rate": 1e-2,
            "rank": 2,
            "alpha": 4.0,
            "seed": 1,
            "max_length": 64,
            "base_name": "dropforge/tiny-llama",
        }
        return Tuning(mode=mode, **(usual | changed))

    return build


@pytest.fixture
def model(cache: Path, data: Path, tuning: Callable[..., Tuning], tmp_path: Path) -> Callable[[str], Path]:
    """Train a small model of a mode into a folder of its own."""

    def train(mode: str) -> Path:
        out = tmp_path / mode
        finetune(by_hand(data), SMALL.folder(cache), out, tuning(mode))
        return out

    return train
