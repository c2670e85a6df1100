"""Real processes that are killed, stopped, hung or failed, and the attempts after them."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cpu_trainer import huggingface
from cpu_trainer.checkpoint import MARKER, read_whole
from cpu_trainer.files import sha256_of
from cpu_trainer.losses import LOSSES

from .conftest import SMALL, Ended, Run

LONG = 400  # steps: about a second


@pytest.fixture
def train(run: Run, data: Path, cache: Path, tmp_path: Path) -> Callable[..., Ended]:
    def start(out: str, *flags: object) -> Ended:
        return run(*command(data, cache, tmp_path / out), "--steps", 10, "--checkpoint-every", 2, *flags)

    return start


@pytest.fixture
def started(
    environment: dict[str, str], data: Path, cache: Path, tmp_path: Path
) -> Callable[..., "subprocess.Popen[str]"]:
    def start(*flags: object) -> "subprocess.Popen[str]":
        words = [sys.executable, "-m", "cpu_trainer", *command(data, cache, tmp_path / "first"), *flags]
        return subprocess.Popen([*map(str, words)], env=environment, stdout=subprocess.PIPE, text=True)

    return start


def command(data: Path, cache: Path, out: Path) -> tuple[object, ...]:
    return ("train", "--data", data, "--base", SMALL.folder(cache), "--out", out)


@contextmanager
def after(process: "subprocess.Popen[str]", beginning: str) -> Iterator[None]:
    """Wait for a line of a process, and see that it is gone afterwards."""
    with process:
        assert process.stdout is not None
        assert any(line.startswith(beginning) for line in process.stdout)
        try:
            yield
        finally:
            process.kill()


def result(out: Path) -> tuple[str, list[tuple[int, float]]]:
    lines = [json.loads(line) for line in (out / LOSSES).read_text().splitlines()]
    return sha256_of(out / huggingface.ADAPTER_WEIGHTS), [(line["step"], line["loss"]) for line in lines]


def test_a_run_that_was_killed_twice_ends_as_if_it_had_not_been(train, tmp_path):
    kept = ("--checkpoints", tmp_path / "kept", "--kill-at-step", "4,9")
    codes = [train("first", *kept).code for _ in range(2)]
    last = train("second", *kept)
    assert [*codes, last.code] == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert "resume step=8 from=checkpoint-8" in last.out.splitlines()
    assert last.message["resumed_from"] == "checkpoint-8"
    assert last.message["checkpoints"] == "checkpoint-10, checkpoint-8"
    assert train("whole").message["resumed_from"] is None
    assert result(tmp_path / "second") == result(tmp_path / "whole")


def test_sigterm_ends_training_after_the_step_with_a_checkpoint_and_a_message(started, run, data, cache, tmp_path):
    flags = ("--steps", LONG, "--checkpoints", tmp_path / "kept", "--checkpoint-every", 100_000)
    process = started(*flags)
    with after(process, "step=1/"):
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(timeout=20) == 143
        assert time.monotonic() - began < 3
    message = json.loads((tmp_path / "termination-log").read_text())
    (checkpoint,) = (tmp_path / "kept").iterdir()
    assert (message["ok"], message["code"]) == (False, "stopped")
    assert message["cause"].endswith(f"and kept {checkpoint.name}")
    assert message["next"] == "start it again: it goes on from there"
    assert not (tmp_path / "first" / MARKER).exists()

    resumed = run(*command(data, cache, tmp_path / "second"), *flags)
    assert resumed.message["resumed_from"] == checkpoint.name
    assert run(*command(data, cache, tmp_path / "whole"), "--steps", LONG).code == 0
    assert result(tmp_path / "second") == result(tmp_path / "whole")


def test_a_run_that_hangs_lets_sigterm_pass_dies_of_sigkill_and_goes_on_the_next_time(started, train, tmp_path):
    flags = ("--checkpoints", tmp_path / "kept", "--hang-at-step", 5)
    process = started("--steps", 10, "--checkpoint-every", 2, *flags)
    with after(process, "drill: training hangs before step 5"):
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        process.kill()
        assert process.wait(timeout=5) == -signal.SIGKILL
    assert train("second", *flags).message["resumed_from"] == "checkpoint-4"


def test_a_second_sigterm_ends_even_a_run_that_hangs(started, tmp_path):
    process = started("--steps", 10, "--checkpoints", tmp_path / "kept", "--hang-at-step", 2)
    with after(process, "drill: training hangs"):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 143
    assert json.loads((tmp_path / "termination-log").read_text())["code"] == "stopped"


def test_a_failure_on_purpose_says_so_and_happens_once(train, tmp_path):
    flags = ("--checkpoints", tmp_path / "kept", "--fail-at-step", 3)
    failed = train("first", *flags)
    assert (failed.code, failed.message["code"]) == (1, "drill")
    assert failed.message["cause"] == "a drill: --fail-at-step 3 asks training to fail just before step 3"
    assert "Traceback" not in failed.err
    assert train("second", *flags).message["resumed_from"] == "checkpoint-2"


def test_without_checkpoints_a_fault_happens_every_time(train):
    assert [train("first", "--fail-at-step", "3,3").code for _ in range(2)] == [1, 1]


def test_a_checkpoint_truncated_on_purpose_is_noticed_at_once_and_passed_over_later(train, tmp_path):
    flags = ("--checkpoints", tmp_path / "kept", "--truncate-checkpoint", 5, "--kill-at-step", 8, "--keep", 1)
    killed = train("first", *flags)
    assert killed.code == -signal.SIGKILL
    assert "checkpoint-6 does not read back whole: weights.safetensors: expected" in killed.out
    assert {path.name for path in (tmp_path / "kept").glob("check*")} == {"checkpoint-4", "checkpoint-6"}
    resumed = train("second", *flags)
    assert "skip checkpoint-6: weights.safetensors: expected" in resumed.out
    assert (resumed.code, resumed.message["resumed_from"]) == (0, "checkpoint-4")
    assert train("whole").code == 0
    assert result(tmp_path / "second") == result(tmp_path / "whole")


def test_zero_asks_for_no_drill(train, tmp_path):
    off = [flag for name in ("fail-at-step", "hang-at-step", "kill-at-step") for flag in (f"--{name}", "0")]
    assert train("first", *off, "--truncate-checkpoint", "0").code == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--kill-at-step", "-1"), "-1 is not between 0 and"),
        (("--kill-at-step", "3,a"), "'a' is not a whole number"),
        (("--truncate-checkpoint", "1"), "--truncate-checkpoint needs --checkpoints"),
    ],
)
def test_a_drill_that_makes_no_sense_is_a_mistake_of_usage(train, flags, said):
    ended = train("first", *flags)
    assert (ended.code, ended.message["next"]) == (2, "see python -m cpu_trainer train --help")
    assert said in ended.message["cause"]


def test_two_attempts_that_overlap_by_mistake_both_end_with_the_same_whole_model(started, train, tmp_path):
    flags = ("--steps", 100, "--checkpoints", tmp_path / "kept", "--checkpoint-every", 1)
    with started(*flags) as zombie:
        second = train("second", *flags)
        zombie.communicate(timeout=30)
    assert (zombie.returncode, second.code) == (0, 0)
    assert result(tmp_path / "first") == result(tmp_path / "second")
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"checkpoint-99", "checkpoint-100"}
    assert [read_whole(path).manifest["step"] for path in sorted((tmp_path / "kept").iterdir())] == [100, 99]
