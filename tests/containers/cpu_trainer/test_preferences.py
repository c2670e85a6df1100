"""Preferences (DPO): rows, loss and gradient, and what a model learns from them."""

import math

import numpy as np
import pytest
from cpu_trainer import huggingface
from cpu_trainer.batches import collate
from cpu_trainer.errors import Failure
from cpu_trainer.files import sha256_of
from cpu_trainer.finetune import finetune
from cpu_trainer.layers import log_probability, softmax
from cpu_trainer.model import Model, logits
from cpu_trainer.objectives import Preferred
from cpu_trainer.pairs import preference
from cpu_trainer.rows import read_rows
from cpu_trainer.staged import Staged, by_hand
from cpu_trainer.tokens import ASSISTANT, BOS, EOS, IGNORED, SYSTEM, USER
from cpu_trainer.tuning import Duration

from .conftest import SMALL
from .test_gradients import STEP, adapted, full

ROW = {"prompt": "Hi", "chosen": "Ho", "rejected": "Hm"}
HI, HO, HM = (
    {"role": role, "content": text} for role, text in (("user", "Hi"), ("assistant", "Ho"), ("assistant", "Hm"))
)


def moved(model: Model) -> Model:
    """Return a model with other weights, for a reference that differs."""
    random = np.random.default_rng(9)
    weights = {name: array + random.normal(0, 0.05, array.shape) for name, array in model.weights.items()}
    return Model(model.config, weights)


def objective(model: Model) -> Preferred:
    texts = (("a", "bc", "d"), ("ef", "g", "hij"), ("k", "lmn", "op"))
    pairs = [preference(dict(zip(ROW, each, strict=True)), 64) for each in texts]
    return Preferred(pairs, moved(model), beta=0.7)


def numeric(model: Model, learnt: Preferred, name: str, place: tuple[int, ...]) -> float:
    array = model.trainable[name]
    before = array[place]
    losses = []
    for shift in (STEP, -STEP):
        array[place] = before + shift
        losses.append(learnt.learn(model, [0, 1, 2])[0])
    array[place] = before
    return (losses[0] - losses[1]) / (2 * STEP)


@pytest.mark.parametrize("build", [full, adapted])
def test_every_array_that_learns_has_the_gradient_of_finite_differences(build):
    model = build()
    learnt = objective(model)
    _, gradients = learnt.learn(model, [0, 1, 2])
    assert gradients.keys() == model.trainable.keys()
    random = np.random.default_rng(7)
    for name, gradient in gradients.items():
        steepest = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        anywhere = tuple(int(random.integers(n)) for n in gradient.shape)
        for place in (steepest, anywhere):
            assert numeric(model, learnt, name, place) == pytest.approx(gradient[place], rel=1e-5, abs=1e-9), name


def test_the_loss_is_that_of_the_formula():
    model = full()
    learnt = objective(model)
    gains = []
    for pair in learnt.pairs:
        said: dict[str, float] = {}
        for key, example in (("chosen", pair.chosen), ("rejected", pair.rejected)):
            ids, labels = collate([example])
            ours, theirs = (np.log(softmax(logits(each, ids)))[0] for each in (model, learnt.reference))
            places = [(n, label) for n, label in enumerate(labels[0]) if label != IGNORED]
            said[key] = sum(ours[place] - theirs[place] for place in places)
        gains.append(said["chosen"] - said["rejected"])
    expected = -sum(math.log(1 / (1 + math.exp(-0.7 * gain))) for gain in gains) / 3
    assert learnt.learn(model, [0, 1, 2])[0] == pytest.approx(expected, rel=1e-9)
    assert learnt.measure(model, 3).loss == pytest.approx(expected, rel=1e-9)
    assert learnt.measure(model, 3).accuracy == sum(gain > 0 for gain in gains) / 3


def test_padding_does_not_count_in_the_probability_of_a_row():
    model = full()
    short, long = (preference({**ROW, "chosen": text}, 64).chosen for text in ("a", "a much longer answer"))
    alone, together = (
        log_probability(logits(model, ids), labels)[0][0] for ids, labels in map(collate, ([short], [short, long]))
    )
    assert alone == pytest.approx(together, rel=1e-12)


@pytest.mark.parametrize("mode", ["lora", "full"])
def test_a_model_learns_to_prefer_and_its_reference_does_not_move(mode, cache, pairs, tuning, tmp_path):
    settings = tuning(mode, duration=Duration(steps=40), objective="dpo", max_length=64)
    tuned = finetune(by_hand(pairs), SMALL.folder(cache), tmp_path, settings)
    assert tuned.origin.loss_before == pytest.approx(math.log(2), rel=1e-6)
    assert tuned.origin.loss_after < 0.4
    assert tuned.after.learnt.accuracy == 1.0


def test_a_larger_beta_trains_another_model(cache, pairs, tuning, tmp_path):
    for beta in (0.1, 0.5):
        finetune(by_hand(pairs), SMALL.folder(cache), tmp_path / str(beta), tuning(objective="dpo", beta=beta))
    digests = {sha256_of(tmp_path / str(beta) / huggingface.ADAPTER_WEIGHTS) for beta in (0.1, 0.5)}
    assert len(digests) == 2


def test_the_step_reports_how_often_the_chosen_answer_is_preferred(run, cache, pairs, tmp_path):
    flags = ("--objective", "dpo", "--steps", 30, "--learning-rate", 0.02, "--mode", "full")
    ended = run("train", "--data", pairs, "--base", SMALL.folder(cache), "--out", tmp_path / "out", *flags)
    assert (ended.code, ended.message["objective"]) == (0, "dpo")
    assert ended.message["preference_accuracy"] == 1.0
    assert run("verify", "--model", tmp_path / "out").code == 0


def test_supervised_training_reports_no_preference(run, cache, data, tmp_path):
    ended = run("train", "--data", data, "--base", SMALL.folder(cache), "--out", tmp_path / "out", "--steps", 1)
    assert "preference_accuracy" not in ended.message


def test_only_the_answers_are_compared():
    pair = preference({"prompt": [HI, HO, HI], "chosen": "Ho", "rejected": "Hm"}, 64)
    before = (BOS, USER, *b"Hi", EOS, ASSISTANT, *b"Ho", EOS, USER, *b"Hi", EOS, ASSISTANT)
    assert pair.chosen.ids == (*before, *b"Ho", EOS)
    assert pair.chosen.labels == (*[IGNORED] * len(before), *b"Ho", EOS)
    assert pair.rejected.labels == (*[IGNORED] * len(before), *b"Hm", EOS)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [HI], "chosen": [HO], "rejected": [HM]},
        {"prompt": "Hi", "chosen": [HI, HO], "rejected": [HI, HM]},
        {"prompt": [HI], "chosen": "Ho", "rejected": [HM]},
        {**ROW, "system": ""},
    ],
)
def test_texts_and_messages_mean_the_same(row):
    assert preference(row, 64) == preference(dict(ROW), 64)


def test_a_system_text_comes_before_the_prompt():
    pair = preference({**ROW, "system": "Be kind"}, 64)
    assert pair.chosen.ids[: 2 + len("Be kind")] == (BOS, SYSTEM, *b"Be kind")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "a", "chosen": "b"}, "'rejected' is missing"),
        ({**ROW, "rejected": "Ho"}, "'chosen' and 'rejected' say the same"),
        ({**ROW, "chosen": ""}, "'chosen' is not a text"),
        ({**ROW, "chosen": [HI]}, "'chosen' does not end with a message of the assistant"),
        ({**ROW, "rejected": []}, "'rejected' is not a list of at least one message"),
        ({**ROW, "prompt": "a" * 99}, "nothing of 'chosen' lies within the first 64 tokens"),
        ({**ROW, "chosen": "a" * 99 + "b", "rejected": "a" * 99}, "do not differ within the first 64 tokens"),
    ],
)
def test_an_unusable_row_is_named_by_its_line(write_rows, row, said):
    path = write_rows(ROW, row)
    with pytest.raises(Failure, match=r"train\.jsonl line 2") as caught:
        read_rows([Staged(path, path.name)], lambda found: preference(found, 64))
    assert said in caught.value.cause
