"""Builders for the evaluator's tests: a dataset with its listing on a file system, and small models that were trained on it."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cpu_trainer
import evaluator
import pytest
from cpu_trainer.finetune import finetune
from cpu_trainer.model import Config
from cpu_trainer.prepare import Base, prepare
from cpu_trainer.staged import by_hand
from cpu_trainer.tuning import Duration, Tuning

SOURCES = os.pathsep.join(str(Path(package.__file__).parents[1]) for package in (cpu_trainer, evaluator))
SMALL = Base(steps=40, config=Config(hidden_size=32, layers=1, heads=2))
TUNING = Tuning("lora", Duration(steps=20), 8, 1e-2, 4, 8.0, 42, 160, "dropforge/tiny-llama")


def rows(*numbers: int) -> bytes:
    said = ({"prompt": f"Double {n}.", "completion": str(2 * n)} for n in numbers)
    return b"".join(json.dumps(row).encode() + b"\n" for row in said)


@dataclass(frozen=True)
class Site:
    """A mount with a listing and models below it."""

    mount: Path

    def stage(self, **files: bytes) -> None:
        """Write files by role (`train`, `validation`) and the listing that names them."""
        entries = [self._stage(role, content) for role, content in files.items()]
        self.listing.write_text(json.dumps({"range_bytes": 1 << 30, "files": entries}))

    def _stage(self, role: str, content: bytes) -> dict[str, Any]:
        (self.mount / f"{role}.jsonl").write_bytes(content)
        sha = hashlib.sha256(content).hexdigest()
        named = {"path": f"{role}.jsonl", "key": f"{role}.jsonl", "role": role}
        return {**named, "bytes": len(content), "sha256": sha, "ranges_sha256": None}

    @property
    def listing(self) -> Path:
        return self.mount / "listing.json"

    @property
    def cache(self) -> Path:
        return self.mount / "cache"

    def train(self, name: str, **changed: Any) -> Path:
        """Train a model on the staged rows and return its folder."""
        out = self.mount / name
        finetune(by_hand(self.mount / "train.jsonl"), SMALL.folder(self.cache), out, replace(TUNING, **changed))
        return out


@dataclass(frozen=True)
class Ended:
    """A process that has ended, its termination message, and its report if it left one."""

    code: int
    err: str
    message: dict[str, Any]
    report: dict[str, Any]

    def model(self, role: str) -> dict[str, Any]:
        return next(model for model in self.message["evaluation"]["models"] if model["role"] == role)


Evaluate = Callable[..., Ended]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    found = Site(tmp_path_factory.mktemp("fsx"))
    prepare(SMALL, found.cache)
    found.stage(train=rows(*range(40)), validation=rows(*range(100, 130)))
    found.train("lora")
    found.train("full", mode="full", learning_rate=2e-3)
    return found


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    def start(site: Site, candidate: Path, *more: str) -> Ended:
        left, report = tmp_path / "termination", tmp_path / "evaluation.json"
        sha = hashlib.sha256(site.listing.read_bytes()).hexdigest()
        command = [sys.executable, "-m", "evaluator", "evaluate", f"--listing={site.listing}", f"--mount={site.mount}"]
        command += [f"--listing-sha256={sha}", f"--candidate={candidate}", f"--bases={site.cache}", *more]
        settings = {**os.environ, "PYTHONPATH": SOURCES, "TERMINATION_MESSAGE_PATH": str(left)}
        done = subprocess.run(
            [*command, f"--report={report}"], env=settings, capture_output=True, text=True, timeout=60, check=False
        )
        found = json.loads(report.read_text()) if report.is_file() else {}
        return Ended(done.returncode, done.stderr, json.loads(left.read_text()), found)

    return start
