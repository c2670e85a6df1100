"""The cache of base models: reused when whole, replaced when not, safe for several writers."""

import subprocess
import sys
from dataclasses import replace

import pytest
from cpu_trainer.checkpoint import MARKER
from cpu_trainer.errors import Failure
from cpu_trainer.files import sha256_of
from cpu_trainer.huggingface import WEIGHTS
from cpu_trainer.model import Config
from cpu_trainer.prepare import find, prepare
from cpu_trainer.verify import verify

from .conftest import SMALL, SMALL_FLAGS

OTHERS = [
    replace(SMALL, steps=5),
    replace(SMALL, seed=1),
    replace(SMALL, max_length=99),
    replace(SMALL, config=Config(hidden_size=32, layers=1, heads=2)),
]


def test_a_base_is_made_once(tmp_path):
    first, second = prepare(SMALL, tmp_path), prepare(SMALL, tmp_path)
    assert (first.cached, second.cached) == (False, True)
    assert first.sealed == second.sealed


def test_making_a_base_lowers_its_loss(tmp_path):
    origin = prepare(replace(SMALL, steps=60), tmp_path).sealed.origin
    assert origin.loss_after < 0.7 * origin.loss_before


def test_nothing_but_the_base_is_left_in_the_cache(cache):
    assert [path.name for path in cache.iterdir()] == [f"base-{SMALL.digest}"]


@pytest.mark.parametrize("other", OTHERS)
def test_whatever_is_chosen_is_part_of_the_name(other):
    assert other.digest != SMALL.digest


@pytest.mark.parametrize("damage", ["marker", "half", "nothing"])
def test_a_half_written_base_is_replaced_by_the_same_bytes(tmp_path, damage):
    folder = prepare(SMALL, tmp_path).folder
    whole = sha256_of(folder / WEIGHTS)
    if damage == "marker":
        (folder / MARKER).unlink()
    elif damage == "half":
        (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:999])
    else:
        for path in folder.iterdir():
            path.unlink()
    assert not prepare(SMALL, tmp_path).cached
    assert sha256_of(folder / WEIGHTS) == whole
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_writers_at_the_same_time_all_end_with_one_whole_base(tmp_path, environment):
    command = [sys.executable, "-m", "cpu_trainer", "prepare", "--cache", str(tmp_path / "cache"), *SMALL_FLAGS]
    writers = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"base-{SMALL.digest}"]
    assert verify(SMALL.folder(tmp_path / "cache")).sealed.origin.kind == "hf"


def test_a_base_that_was_not_prepared_is_not_found(tmp_path):
    with pytest.raises(Failure, match="run prepare") as caught:
        find(SMALL, tmp_path)
    assert caught.value.code == "no-base"


def test_a_broken_base_is_not_trained_on(tmp_path):
    folder = prepare(SMALL, tmp_path).folder
    (folder / MARKER).unlink()
    with pytest.raises(Failure) as caught:
        find(SMALL, tmp_path)
    assert caught.value.code == "not-whole"
