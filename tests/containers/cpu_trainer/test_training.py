"""Training learns, repeats itself exactly, and stops when it cannot go on."""

import json
import math

import numpy as np
import pytest
from cpu_trainer import huggingface
from cpu_trainer.checkpoint import MANIFEST
from cpu_trainer.errors import Failure
from cpu_trainer.files import sha256_of
from cpu_trainer.finetune import finetune
from cpu_trainer.losses import LOSSES
from cpu_trainer.optimiser import AdamW, rate_at
from cpu_trainer.staged import by_hand
from cpu_trainer.tuning import Duration
from cpu_trainer.verify import verify

from .conftest import SMALL

WEIGHTS = {"lora": huggingface.ADAPTER_WEIGHTS, "full": huggingface.WEIGHTS}


@pytest.mark.parametrize("mode", ["lora", "full"])
def test_the_loss_falls(mode, cache, data, tuning, tmp_path):
    tuned = finetune(by_hand(data), SMALL.folder(cache), tmp_path, tuning(mode, duration=Duration(steps=60)))
    assert tuned.origin.loss_after < 0.85 * tuned.origin.loss_before


@pytest.mark.parametrize("mode", ["lora", "full"])
def test_the_same_seed_gives_the_same_bytes(mode, cache, data, tuning, tmp_path):
    digests = []
    for name in ("first", "second"):
        finetune(by_hand(data), SMALL.folder(cache), tmp_path / name, tuning(mode))
        digests.append(sha256_of(tmp_path / name / WEIGHTS[mode]))
    assert digests[0] == digests[1]


def test_another_seed_gives_other_bytes(cache, data, tuning, tmp_path):
    digests = set()
    for seed in (1, 2):
        finetune(by_hand(data), SMALL.folder(cache), tmp_path / str(seed), tuning(seed=seed))
        digests.add(sha256_of(tmp_path / str(seed) / huggingface.ADAPTER_WEIGHTS))
    assert len(digests) == 2


def test_training_an_adapter_leaves_the_base_as_it_was(cache, model):
    copied = model("lora") / "base" / huggingface.WEIGHTS
    assert sha256_of(copied) == sha256_of(SMALL.folder(cache) / huggingface.WEIGHTS)


def test_every_step_leaves_a_line_with_a_finite_loss(model):
    lines = [json.loads(line) for line in (model("lora") / LOSSES).read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(math.isfinite(line["loss"]) and line["rate"] > 0 and line["seconds"] >= 0 for line in lines)


def test_epochs_are_counted_in_rows(cache, data, tuning, tmp_path):
    tuned = finetune(by_hand(data), SMALL.folder(cache), tmp_path, tuning(duration=Duration(epochs=3), batch_size=4))
    assert tuned.origin.step == 4  # 5 rows, 3 times, in batches of 4


def test_a_second_run_replaces_the_first_even_in_another_mode(model, cache, data, tuning, tmp_path):
    out = model("lora")
    finetune(by_hand(data), SMALL.folder(cache), out, tuning("full"))
    assert verify(out).sealed.origin.kind == "hf"
    assert not (out / "base").exists()
    assert len((out / LOSSES).read_text().splitlines()) == 6


def test_a_run_that_fails_leaves_no_marker_of_the_one_before(model, cache, data, tuning):
    out = model("full")
    with pytest.raises(Failure):
        finetune(
            by_hand(data), SMALL.folder(cache), out, tuning("full", learning_rate=1e30, duration=Duration(steps=40))
        )
    assert sorted(path.name for path in out.iterdir()) == [LOSSES]


def test_a_loss_that_is_no_number_stops_the_run_with_its_step_and_advice(cache, data, tuning, tmp_path):
    with pytest.raises(Failure, match="at step 2") as caught:
        finetune(by_hand(data), SMALL.folder(cache), tmp_path, tuning("full", learning_rate=1e30))
    assert (caught.value.code, caught.value.exit_code) == ("diverged", 1)
    assert "lower the learning rate" in caught.value.next_action
    assert not (tmp_path / MANIFEST).exists()


def test_the_rate_rises_to_its_peak_and_falls_to_a_tenth():
    rates = [rate_at(step, 100, 1.0) for step in range(1, 101)]
    assert rates.index(max(rates)) == 4
    assert max(rates) == 1.0
    assert rates[-1] == pytest.approx(0.1)


def test_a_gradient_that_is_no_number_moves_nothing():
    weights = {"w": np.ones(2)}
    assert math.isnan(AdamW(weights).update({"w": np.array([np.nan, 1.0])}, 0.1))
    assert weights["w"].tolist() == [1.0, 1.0]


def test_the_first_step_of_adamw_moves_by_the_rate_and_decays_only_matrices():
    weights = {"gain": np.array([1.0]), "matrix": np.array([[1.0]])}
    AdamW(weights).update({"gain": np.array([0.5]), "matrix": np.array([[-0.5]])}, 0.1)
    assert weights["gain"][0] == pytest.approx(0.9)
    assert weights["matrix"][0, 0] == pytest.approx(1 * (1 - 0.1 * 0.01) + 0.1)
