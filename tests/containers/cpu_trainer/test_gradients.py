"""Every gradient against finite differences, in double precision."""

from dataclasses import replace

import numpy as np
import pytest
from cpu_trainer.layers import Ids
from cpu_trainer.lora import adapt
from cpu_trainer.model import Config, Model, draw, loss_and_gradients
from cpu_trainer.tokens import IGNORED, PAD

CONFIG = Config(hidden_size=16, layers=2, heads=2)
STEP = 1e-5


def batch() -> tuple[Ids, Ids]:
    random = np.random.default_rng(5)
    ids = random.integers(0, 256, (3, 7))
    labels = random.integers(0, 256, (3, 7))
    labels[:, :2] = IGNORED
    ids[2, 5:], labels[2, 5:] = PAD, IGNORED
    return ids, labels


def full() -> Model:
    drawn = draw(CONFIG, np.random.default_rng(3))
    return replace(drawn, weights={name: array.astype(np.float64) for name, array in drawn.weights.items()})


def adapted() -> Model:
    model = adapt(full(), 2, 4.0, np.random.default_rng(4))
    assert model.adapter is not None
    random = np.random.default_rng(6)  # B is zero at first, which would hide every mistake in the gradient of A
    weights = {name: random.normal(0, 0.3, array.shape) for name, array in model.adapter.weights.items()}
    return replace(model, adapter=replace(model.adapter, weights=weights))


def numeric(model: Model, name: str, place: tuple[int, ...]) -> float:
    array = model.trainable[name]
    before = array[place]
    losses = []
    for shift in (STEP, -STEP):
        array[place] = before + shift
        losses.append(loss_and_gradients(model, *batch())[0])
    array[place] = before
    return (losses[0] - losses[1]) / (2 * STEP)


@pytest.mark.parametrize("build", [full, adapted])
def test_every_array_that_learns_has_the_gradient_of_finite_differences(build):
    model = build()
    _, gradients = loss_and_gradients(model, *batch())
    assert gradients.keys() == model.trainable.keys()
    random = np.random.default_rng(7)
    for name, gradient in gradients.items():
        assert gradient.shape == model.trainable[name].shape
        steepest = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        anywhere = tuple(int(random.integers(n)) for n in gradient.shape)
        for place in (steepest, anywhere):
            assert numeric(model, name, place) == pytest.approx(gradient[place], rel=1e-5, abs=1e-9), name


def test_a_fresh_adapter_changes_nothing():
    model = full()
    fresh = adapt(model, 2, 4.0, np.random.default_rng(4))
    assert loss_and_gradients(fresh, *batch())[0] == loss_and_gradients(model, *batch())[0]


def test_what_comes_later_does_not_change_what_was_predicted_before():
    model = full()
    ids, labels = batch()
    labels[:, 4:] = IGNORED
    changed = ids.copy()
    changed[:, 4:] = 1
    assert loss_and_gradients(model, ids, labels)[0] == loss_and_gradients(model, changed, labels)[0]
