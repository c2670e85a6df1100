"""Models: what the registry is told of a checkpoint and where it came from."""

import json
import re

import pytest
from dropforge.domain.models import Package, describe, package
from dropforge.domain.passports import Passport
from dropforge.domain.recipes import Inference
from dropforge.domain.verdicts import Verdict

from tests.builders import checkpoint, dataset, evaluation, passport, planned, run


def described(of: Passport | None = None, attempt: int = 1) -> Package:
    return package(of or passport(attempt), planned(), run(attempt=attempt), "s3://models/metrics.json")


def test_a_package_carries_its_lineage() -> None:
    properties = described(attempt=2).properties
    assert properties["run"] == planned().run_id
    assert properties["dataset_digest"] == dataset().digest
    assert properties["checkpoint_digest"] == checkpoint().digest
    assert properties["passport"] == passport(2).digest
    assert (properties["attempt"], properties["loss_before"], properties["loss_after"]) == ("2", "2.500000", "0.500000")


@pytest.mark.parametrize("base", ["acme/tiny", "a base; (mine)", "b" * 300])
def test_a_package_keeps_to_the_registrys_limits(base: str) -> None:
    held = checkpoint().model_copy(update={"base_model": base})
    properties = described(passport(held=held)).properties
    assert len(properties) <= 50
    assert all(0 < len(text) <= 256 and re.fullmatch(r"[\w\s.:/=+\-@]*", text) for text in properties.values())


def test_a_card_keeps_to_its_schemas_limits_whatever_is_written_into_it() -> None:
    held = checkpoint().model_copy(update={"base_model": "b" * 2000})
    card = json.loads(described(passport(held=held)).card)
    assert set(card) == {"model_overview", "training_details", "additional_information"}
    assert all(len(text) <= 1024 for text in card["additional_information"]["custom_details"].values())


def test_a_card_says_what_was_measured_of_the_model_and_of_what_it_was_compared_with() -> None:
    verdict = Verdict(
        passed=True,
        checkpoint_digest=checkpoint().digest,
        comparisons=(),
        evaluation=evaluation(loss=1.25, incumbent={"loss": 1.5}),
    )
    measured = passport().model_copy(update={"verdict": verdict})
    details = json.loads(described(measured).card)["additional_information"]["custom_details"]
    assert (details["candidate loss"], details["incumbent loss"]) == ("1.25", "1.5")


def test_what_is_not_known_is_left_out() -> None:
    bare = checkpoint().model_copy(update={"loss_before": None, "base_model": ""})
    assert {"loss_before", "base_model"}.isdisjoint(described(passport(held=bare)).properties)


def test_each_attempt_has_a_token_of_its_own_and_always_the_same() -> None:
    def token(n: int) -> str:
        return described(attempt=n).token

    assert token(1) == token(1) != token(2)
    assert len(token(1)) == 36


def test_without_a_word_on_serving_the_image_that_trained_is_named() -> None:
    served = planned().model_copy(update={"inference": Inference(image="serve:1", environment={"A": "b"})})
    other = package(passport(), served, run(), "s3://models/metrics.json")
    assert (described().image, described().environment) == (planned().image, {})
    assert (other.image, other.environment) == ("serve:1", {"A": "b"})


def test_a_model_names_its_run_and_checkpoint() -> None:
    model = describe("arn:1", "zoo--birds", run(), checkpoint())
    assert (model.arn, model.group, model.run_id, model.digest) == ("arn:1", "zoo--birds", run().id, "c" * 64)
