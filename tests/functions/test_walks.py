"""Registration, its lineage, a recall and its end die at every one of their requests, before and after its effect, and are done again."""

from typing import Any

import pytest
from dropforge.adapters import aws, ledger
from dropforge.domain import passports
from dropforge.domain.passports import Passport
from dropforge.domain.runs import Run

from tests.contracts.repository import Document
from tests.functions.acting import wish
from tests.functions.conftest import MODELS, Call, Registry
from tests.functions.registering import admit, drop, package, to_register
from tests.functions.wires import Died, dying

ADA = "arn:aws:iam::123456789012:user/ada"
WHEN = ("before", "after")
REGISTERS, TRACES, RECALLS, LIFTS = 13, 24, 14, 16  # requests of each

pytestmark = pytest.mark.usefixtures("members", "registry")


def clients() -> list[Any]:
    return [aws.s3(), aws.dynamodb(), aws.sagemaker(), aws.events(), aws.ssm()]


def over(run: Run) -> Document:
    return {"detail-type": "ModelRegistered", "detail": {"project": run.project, "run_id": run.id}}


def recall(*, lift: bool = False) -> None:
    status, answer = wish("recall_dataset", ADA, subject="zoo/birds", reason="wrong", lift=lift)
    assert status == 200, answer


def approved(call: Call) -> str:
    """A model that somebody has approved."""
    birds = drop()
    arn: str = call("register_model", to_register(admit(birds), birds))["arn"]
    aws.sagemaker().update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good enough"
    )
    return arn


def stands(arn: str) -> tuple[str, str, bool]:
    found = package(arn)
    return (
        found["ModelApprovalStatus"],
        found["ApprovalDescription"],
        "recalled" in found["CustomerMetadataProperties"],
    )


def test_every_request_is_walked(call: Call) -> None:
    birds = drop()
    run, counts = admit(birds), []
    for walked in (
        lambda: call("register_model", to_register(run, birds)),
        lambda: call("write_lineage", over(run)),
        recall,
        lambda: recall(lift=True),
    ):
        with dying(clients(), 0, "before") as seen:
            walked()
        counts.append(seen["requests"])
    assert counts == [REGISTERS, TRACES, RECALLS, LIFTS]


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("at", range(1, REGISTERS + 1))
def test_a_registration_that_died_leaves_one_version_with_its_passport_once_it_is_done_again(
    call: Call, at: int, when: str
) -> None:
    birds = drop()
    run = admit(birds)
    with dying(clients(), at, when), pytest.raises(Died):
        call("register_model", to_register(run, birds))
    model = call("register_model", to_register(run, birds))
    listed = aws.sagemaker().list_model_packages(ModelPackageGroupName="zoo--birds")["ModelPackageSummaryList"]
    body = aws.s3().get_object(Bucket=MODELS, Key=passports.key_of(run.project, run.id, run.attempt))["Body"].read()
    passport, now = Passport.model_validate_json(body), ledger.run(run.id)
    assert [one["ModelPackageArn"] for one in listed] == [model["arn"]]
    assert package(model["arn"])["CustomerMetadataProperties"]["passport"] == passport.digest
    assert passports.is_whole(passport)
    assert now is not None
    assert (now.status, now.model_arn, ledger.lease(run)) == ("succeeded", model["arn"], None)
    traced = wish("trace_model", ADA, of="zoo/birds")[1]
    assert [line["arn"] for line in traced["models"]] == [model["arn"]]


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("at", range(1, TRACES + 1))
def test_a_lineage_that_died_is_whole_and_there_once_when_it_is_done_again(call: Call, at: int, when: str) -> None:
    birds = drop()
    run = admit(birds)
    call("register_model", to_register(run, birds))
    with dying(clients(), at, when), pytest.raises(Died):
        call("write_lineage", over(run))
    call("write_lineage", over(run))
    sagemaker = aws.sagemaker()
    counted = (
        len(sagemaker.list_artifacts()["ArtifactSummaries"]),
        len(sagemaker.list_actions()["ActionSummaries"]),
        len(sagemaker.list_associations()["AssociationSummaries"]),
    )
    assert counted == (5, 1, 5)


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("at", range(1, RECALLS + 1))
def test_a_recall_that_died_is_finished_by_asking_again_and_remembers_what_was_there_first(
    call: Call, registry: Registry, at: int, when: str
) -> None:
    arn = approved(call)
    with dying(clients(), at, when), pytest.raises(Died):
        recall()
    recall()
    assert stands(arn) == ("Rejected", f"Recalled by {ADA}: wrong", True)
    recall(lift=True)
    assert stands(arn) == ("Approved", "good enough", False)


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("at", range(1, LIFTS + 1))
def test_a_lift_that_died_is_finished_by_asking_again(call: Call, at: int, when: str) -> None:
    arn = approved(call)
    recall()
    with dying(clients(), at, when), pytest.raises(Died):
        recall(lift=True)
    recall(lift=True)
    assert stands(arn) == ("Approved", "good enough", False)
    assert ledger.entries(f"RUN#{package(arn)['CustomerMetadataProperties']['run']}")[-1].what == "ModelRestored"
