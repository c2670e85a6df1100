"""Checkpoints: a run that was interrupted goes on to the same bytes; damaged ones are passed over, whole ones kept."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpu_trainer import huggingface
from cpu_trainer.checkpoint import MANIFEST, MARKER, read_whole
from cpu_trainer.checkpoints import Checkpoints, Keeping
from cpu_trainer.drill import Drill
from cpu_trainer.errors import Failure
from cpu_trainer.finetune import Tuned, finetune
from cpu_trainer.losses import LOSSES
from cpu_trainer.model import draw
from cpu_trainer.session import Safety
from cpu_trainer.staged import by_hand
from cpu_trainer.state import OPTIMISER, STATE, WEIGHTS
from cpu_trainer.training import Progress, Training
from cpu_trainer.tuning import Duration

from .conftest import SMALL

STEPS, EVERY = 9, 3
KINDS = [("lora", "sft"), ("full", "sft"), ("lora", "dpo"), ("full", "dpo")]
LEFT = ".checkpoint-3-" + "0" * 32
HISTORY = [Progress(step, 1.0, 0.1, 0.1) for step in (1, 2, 3)]
Train = Callable[..., Tuned]


@pytest.fixture
def train(cache, data, pairs, tuning, tmp_path) -> Train:
    def start(out: str, mode: str = "lora", objective: str = "sft", fail: int = 0, keep: int = 2, **changed: Any):
        keeping = Keeping(tmp_path / "checkpoints", EVERY, keep)
        safety = Safety(keeping if out != "whole" else None, Drill(fail=(fail,)))
        settings = tuning(mode, **({"duration": Duration(steps=STEPS), "objective": objective} | changed))
        files = by_hand(data if objective == "sft" else pairs)
        return finetune(files, SMALL.folder(cache), tmp_path / out, settings, safety)

    return start


@pytest.fixture
def interrupted(train, tmp_path) -> Callable[..., Path]:
    """Fail before a step, and return the folder of checkpoints that are left."""

    def start(before: int, **settings: Any) -> Path:
        with pytest.raises(Failure, match="a drill"):
            train("first", fail=before, **settings)
        folder: Path = tmp_path / "checkpoints"
        return folder

    return start


@pytest.fixture
def training() -> Training:
    random = np.random.default_rng(1)
    made = Training(draw(SMALL.config, random), random)
    made.done = 3
    return made


def weights(out: Path) -> bytes:
    name = huggingface.ADAPTER_WEIGHTS if (out / huggingface.ADAPTER_WEIGHTS).exists() else huggingface.WEIGHTS
    return (out / name).read_bytes()


def curve(out: Path) -> list[tuple[int, float, float]]:
    lines = [json.loads(line) for line in (out / LOSSES).read_text().splitlines()]
    return [(line["step"], line["loss"], line["rate"]) for line in lines]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if "drill" not in path.name}


def same(tmp_path: Path) -> bool:
    whole, resumed = tmp_path / "whole", tmp_path / "second"
    return (weights(whole), curve(whole)) == (weights(resumed), curve(resumed))


@pytest.mark.parametrize(("mode", "objective"), KINDS)
@pytest.mark.parametrize("step", [1, 3, 4, 6, 7, 9])
def test_a_run_that_was_interrupted_at_any_step_ends_as_if_it_had_not_been(
    train, interrupted, tmp_path, mode, objective, step
):
    whole = train("whole", mode, objective)
    interrupted(step, mode=mode, objective=objective)
    tuned = train("second", mode, objective, fail=step)
    reached = (step - 1) // EVERY * EVERY
    assert tuned.resumed_from == (f"checkpoint-{reached}" if reached else None)
    assert same(tmp_path)
    assert [step for step, *_ in curve(tmp_path / "second")] == list(range(1, STEPS + 1))
    assert tuned.origin == whole.origin


def test_the_seconds_of_the_curve_go_on_where_they_were(train, interrupted, tmp_path):
    interrupted(8)
    train("second", fail=8)
    seconds = [json.loads(line)["seconds"] for line in (tmp_path / "second" / LOSSES).read_text().splitlines()]
    assert seconds == sorted(seconds)


def test_a_finished_run_is_finished_again_without_a_step(train, tmp_path, capsys):
    train("whole")
    train("first")
    capsys.readouterr()
    assert train("second").resumed_from == f"checkpoint-{STEPS}"
    assert capsys.readouterr().out.splitlines() == [f"resume step={STEPS} from=checkpoint-{STEPS}"]
    assert same(tmp_path)


def test_the_newest_checkpoints_stay_and_older_ones_go(train, tmp_path):
    assert train("first", keep=2).checkpoints == ("checkpoint-9", "checkpoint-6")
    assert names(tmp_path / "checkpoints") == {"checkpoint-9", "checkpoint-6"}


def test_the_last_step_has_a_checkpoint_though_none_is_due(train):
    assert train("first", duration=Duration(steps=7)).checkpoints == ("checkpoint-7", "checkpoint-6")


@pytest.mark.parametrize("file", [WEIGHTS, OPTIMISER, STATE, LOSSES, MANIFEST, MARKER])
def test_a_damaged_checkpoint_is_passed_over_with_the_file_and_the_reason(train, interrupted, tmp_path, capsys, file):
    folder = interrupted(8)
    train("whole")
    os.truncate(folder / "checkpoint-6" / file, 10)
    capsys.readouterr()
    assert train("second", fail=8).resumed_from == "checkpoint-3"
    said = capsys.readouterr().out
    assert re.search(rf"^skip checkpoint-6: {re.escape(file)}: \w+", said, re.MULTILINE)
    assert "\nresume step=3 from=checkpoint-3\n" in said
    assert same(tmp_path)


def test_a_damaged_checkpoint_is_written_anew_and_goes_when_a_whole_one_is_there(train, interrupted, capsys):
    folder = interrupted(8)
    (folder / "checkpoint-6" / WEIGHTS).unlink()
    capsys.readouterr()
    train("second", fail=8)
    said = capsys.readouterr().out
    aside = re.search(
        r"^checkpoint-6 is written anew, the old one is now (\S+): weights.safetensors: ", said, re.MULTILINE
    )
    assert aside is not None
    assert said.index("checkpoint step=6 kept=checkpoint-6") < said.index(f"delete {aside[1]}")
    assert names(folder) == {"checkpoint-6", "checkpoint-9"}
    assert read_whole(folder / "checkpoint-6").manifest["step"] == 6


def test_with_every_checkpoint_damaged_training_starts_afresh(train, interrupted, tmp_path):
    folder = interrupted(8)
    train("whole")
    for name in names(folder):
        (folder / name / MARKER).unlink()
    assert train("second", fail=8).resumed_from is None
    assert same(tmp_path)


def test_an_older_damaged_one_does_not_count_among_those_that_stay(train, interrupted):
    folder = interrupted(8, keep=2)
    shutil.copytree(folder / "checkpoint-6", folder / "checkpoint-4")
    os.truncate(folder / "checkpoint-4" / WEIGHTS, 10)
    train("second", fail=8, keep=3)
    assert names(folder) == {"checkpoint-9", "checkpoint-6", "checkpoint-3"}


def test_what_was_never_finished_stays_until_a_newer_one_is_whole(train, interrupted, capsys):
    folder = interrupted(5)
    (folder / LEFT).mkdir()
    with pytest.raises(Failure):
        train("second", fail=4)
    assert f"skip {LEFT}: it was never finished" in capsys.readouterr().out
    assert LEFT in names(folder)
    train("third", fail=5)
    assert LEFT not in names(folder)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"learning_rate": 0.02}, "learning_rate 0.01, this run has 0.02"),
        ({"duration": Duration(steps=8)}, "duration 9, this run has 8"),
        ({"seed": 2}, "seed 1, this run has 2"),
    ],
)
def test_a_checkpoint_of_other_settings_is_passed_over_and_never_deleted(train, interrupted, capsys, changed, said):
    folder = interrupted(5)
    assert train("second", **changed).resumed_from is None
    assert f"skip checkpoint-3: it was made with {said}" in capsys.readouterr().out
    assert [name for name in names(folder) if name.startswith(".others-checkpoint-3-")]


def test_a_checkpoint_of_other_data_is_passed_over(train, interrupted, data, cache, tuning, tmp_path, capsys):
    interrupted(5)
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("".join(data.read_text().splitlines(keepends=True)[:4]))
    safety = Safety(Keeping(tmp_path / "checkpoints", EVERY, 2))
    tuned = finetune(
        by_hand(fewer), SMALL.folder(cache), tmp_path / "out", tuning(duration=Duration(steps=STEPS)), safety
    )
    assert tuned.resumed_from is None
    assert "skip checkpoint-3: it was made with rows " in capsys.readouterr().out


def test_a_whole_checkpoint_that_another_attempt_wrote_stays_as_it_is(training, tmp_path, capsys):
    keeping = Keeping(tmp_path / "checkpoints", EVERY, 2)
    first, second = (Checkpoints(keeping, {"seed": 1}, Drill()) for _ in range(2))
    first.write(training, HISTORY)
    before = (keeping.folder / "checkpoint-3").stat().st_ino
    second.write(training, HISTORY)
    assert "checkpoint-3 is there already and whole; it stays as it is" in capsys.readouterr().out
    assert (keeping.folder / "checkpoint-3").stat().st_ino == before
    assert names(keeping.folder) == {"checkpoint-3"}


def test_what_another_attempt_is_writing_now_is_not_deleted(training, tmp_path):
    checkpoints = Checkpoints(Keeping(tmp_path, EVERY, 2), {"seed": 1}, Drill())
    checkpoints.newest(training)
    (tmp_path / LEFT).mkdir()
    checkpoints.write(training, HISTORY)
    assert names(tmp_path) == {"checkpoint-3", LEFT}
