"""RegisterModel: one package per attempt, and none that anybody could approve for a run that ended otherwise."""

import json
from collections.abc import Callable

import pytest
from dropforge.adapters import admissions, aws, clock, code, ledger, registry
from dropforge.domain import passports
from dropforge.domain.passports import Passport
from dropforge.domain.runs import Cancellation, Run
from dropforge.errors import Conflict, Unavailable

from tests.builders import EXECUTION, arrival, checkpoint, dataset, planned, upload
from tests.contracts.repository import Document
from tests.functions.conftest import MODELS, Call
from tests.functions.registering import package, to_register
from tests.functions.wires import refusing

pytestmark = pytest.mark.usefixtures("registry")

Announced = Callable[[], list[tuple[str, Document]]]


@pytest.fixture
def run() -> Run:
    ledger.bind_upload(arrival())
    return admissions.claim(planned(), dataset(), EXECUTION).run


def packages() -> list[tuple[str, str]]:
    """The ARN and the approval of every package of the dataset."""
    listed = aws.sagemaker().list_model_packages(ModelPackageGroupName="zoo--birds")["ModelPackageSummaryList"]
    described = [aws.sagemaker().describe_model_package(ModelPackageName=one["ModelPackageArn"]) for one in listed]
    return [(one["ModelPackageArn"], one["ModelApprovalStatus"]) for one in described]


def now(run: Run) -> Run:
    found = ledger.run(run.id)
    assert found is not None
    return found


def test_a_model_waits_for_approval_and_its_run_has_succeeded(call: Call, run: Run, announced: Announced) -> None:
    model = call("register_model", to_register(run))
    found = ledger.arrival(upload())
    assert found is not None
    assert packages() == [(model["arn"], "PendingManualApproval")]
    assert (now(run).status, now(run).model_arn, ledger.lease(run)) == ("succeeded", model["arn"], None)
    assert (found.status, [kind for kind, _ in announced()]) == ("succeeded", ["ModelRegistered"])


def test_registering_again_finds_the_first_package(call: Call, run: Run) -> None:
    models = [call("register_model", to_register(run)) for _ in range(2)]
    assert models[0] == models[1]
    assert len(packages()) == 1


def test_a_function_that_died_after_it_had_registered_leaves_one_package(call: Call, run: Run) -> None:
    with (
        refusing(aws.dynamodb(), "TransactWriteItems", "ThrottlingException", 4),
        pytest.raises(Unavailable),
    ):
        call("register_model", to_register(run))
    assert (now(run).status, len(packages())) == ("running", 1)
    model = call("register_model", to_register(run))
    assert packages() == [(model["arn"], "PendingManualApproval")]


@pytest.mark.parametrize("meanwhile", ["cancelling", "cancelled", "failed", "next attempt"])
def test_what_was_registered_for_a_run_that_ended_otherwise_is_rejected(
    call: Call, run: Run, announced: Announced, meanwhile: str
) -> None:
    if meanwhile == "cancelling":
        assert ledger.cancel(run, Cancellation(by="ada", reason="", at=clock.stamp()))
    else:
        status = "cancelled" if meanwhile == "cancelled" else "failed"
        assert ledger.end(run.model_copy(update={"status": status}))
    if meanwhile == "next attempt":
        ledger.release_lease(run)
        assert admissions.claim(planned(), dataset(), "birds-2").run.attempt == 2
    before = now(run)
    with pytest.raises(Conflict) as raised:
        call("register_model", to_register(run))
    assert raised.value.failure.code == "RunOver"
    assert [approval for _, approval in packages()] == ["Rejected"]
    assert (now(run), announced()) == (before, [])


def test_the_next_attempt_registers_a_package_of_its_own(call: Call, run: Run) -> None:
    arn = call("register_model", to_register(run))["arn"]
    second = run.model_copy(update={"attempt": 2})
    assert registry.find_of_run(run) == arn
    assert registry.find_of_run(second) is None


def passport(run: Run) -> Passport:
    """The passport that lies beside a run's model."""
    body = aws.s3().get_object(Bucket=MODELS, Key=passports.key_of(run.project, run.id, run.attempt))["Body"].read()
    return Passport.model_validate_json(body)


def test_the_package_says_where_it_came_from_and_what_serves_it(call: Call, run: Run) -> None:
    model = call("register_model", to_register(run))
    found, made = package(model["arn"]), passport(run)
    container = found["InferenceSpecification"]["Containers"][0]
    card = json.loads(found["ModelCard"]["ModelCardContent"])
    metrics_uri = found["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    metrics = aws.s3().get_object(Bucket=MODELS, Key=metrics_uri.removeprefix(f"s3://{MODELS}/"))["Body"].read()
    assert (found["SourceUri"], container["Image"]) == (checkpoint().uri, planned().image)
    assert found["CustomerMetadataProperties"]["passport"] == made.digest == model["passport"]
    assert card["additional_information"]["custom_details"]["passport"] == made.digest
    assert json.loads(metrics)["training_loss"] == {"before": 2.5, "after": 0.5}


def test_what_serves_the_model_is_what_its_recipe_says(call: Call, run: Run) -> None:
    wish = to_register(run)
    wish["plan"]["inference"] = {"image": "registry.example/serve:1", "environment": {"OPTION_ENABLE_LORA": "true"}}
    arn = call("register_model", wish)["arn"]
    container = package(arn)["InferenceSpecification"]["Containers"][0]
    assert (container["Image"], container["Environment"]) == (
        "registry.example/serve:1",
        {"OPTION_ENABLE_LORA": "true"},
    )


def test_the_passport_names_every_link_and_is_sealed(call: Call, run: Run) -> None:
    call("register_model", to_register(run))
    made = passport(run)
    assert passports.is_whole(made)
    assert (made.dataset.digest, made.dataset.upload, made.dataset.listing.sha256) == (
        dataset().digest,
        upload(),
        dataset().listing.sha256,
    )
    assert (made.plan.identity, made.training.image, made.training.recipe_digest) == (
        run.identity,
        planned().image,
        planned().recipe_digest,
    )
    assert made.checkpoint == checkpoint()
    assert made.code == code.running()


def test_a_passport_of_another_model_is_not_written_over_and_nothing_is_registered(call: Call, run: Run) -> None:
    other = checkpoint().model_copy(update={"digest": "e" * 64})
    there = passports.issue(planned(), run, dataset(), other, code.running())
    aws.s3().put_object(
        Bucket=MODELS, Key=passports.key_of(run.project, run.id, run.attempt), Body=there.model_dump_json().encode()
    )
    with pytest.raises(Conflict) as raised:
        call("register_model", to_register(run))
    assert raised.value.failure.code == "PassportDiffers"
    assert (passport(run), now(run).status) == (there, "running")
    assert packages() == []


def test_a_deployment_between_two_tries_keeps_the_first_passport(call: Call, run: Run) -> None:
    before = code.running().model_copy(update={"digest": "f" * 64})
    first = passports.issue(planned(), run, dataset(), checkpoint(), before)
    aws.s3().put_object(
        Bucket=MODELS, Key=passports.key_of(run.project, run.id, run.attempt), Body=first.model_dump_json().encode()
    )
    model = call("register_model", to_register(run))
    assert (model["passport"], passport(run)) == (first.digest, first)
