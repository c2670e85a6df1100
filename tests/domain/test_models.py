"""Models: what the registry is told of a checkpoint and where it came from."""

from dropforge.domain.models import describe, package

from tests.builders import checkpoint, dataset, planned, run


def test_a_package_carries_its_lineage() -> None:
    properties = package(planned(), run(attempt=2), dataset(), checkpoint()).properties
    assert properties["run"] == planned().run_id
    assert properties["dataset_digest"] == dataset().digest
    assert properties["checkpoint_digest"] == checkpoint().digest
    assert (properties["attempt"], properties["loss_before"], properties["loss_after"]) == ("2", "2.500000", "0.500000")


def test_a_package_keeps_to_the_registrys_limits() -> None:
    properties = package(planned(), run(), dataset(), checkpoint()).properties
    assert len(properties) <= 50
    assert all(0 < len(text) <= 256 for text in properties.values())


def test_what_is_not_known_is_left_out() -> None:
    bare = checkpoint().model_copy(update={"loss_before": None, "base_model": ""})
    assert {"loss_before", "base_model"}.isdisjoint(package(planned(), run(), dataset(), bare).properties)


def test_each_attempt_has_a_token_of_its_own_and_always_the_same() -> None:
    def token(n: int) -> str:
        return package(planned(), run(attempt=n), dataset(), checkpoint()).token

    assert token(1) == token(1) != token(2)
    assert len(token(1)) == 36


def test_a_model_names_its_run_and_checkpoint() -> None:
    model = describe("arn:1", "zoo--birds", run(), checkpoint())
    assert (model.arn, model.group, model.run_id, model.digest) == ("arn:1", "zoo--birds", run().id, "c" * 64)
