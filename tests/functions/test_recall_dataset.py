"""RecallDataset: every model of a content is marked and nobody deploys it, no new one is made; lifting restores that and nothing else."""

from collections.abc import Callable

import pytest
from dropforge.adapters import aws, clock, ledger, recalls, successes
from dropforge.adapters import registry as packages
from dropforge.domain.datasets import Dataset
from dropforge.domain.models import describe, registration
from dropforge.domain.models import package as described
from dropforge.domain.passports import Code, issue
from dropforge.errors import Conflict, Unavailable

from tests.builders import checkpoint, planned
from tests.contracts.repository import Document
from tests.functions.acting import wish
from tests.functions.conftest import Call, Registry
from tests.functions.registering import admit, drop, package, to_register
from tests.functions.wires import refusing

Announced = Callable[[], list[tuple[str, Document]]]
ADA = "arn:aws:iam::123456789012:user/ada"
STRANGER = "arn:aws:iam::123456789012:user/mallory"
PENDING = ("PendingManualApproval", "", False)

pytestmark = pytest.mark.usefixtures("members")


def recall(subject: str = "zoo/birds", caller: str = ADA, reason: str = "wrong labels", **more: object) -> Document:
    status, answer = wish("recall_dataset", caller, subject=subject, reason=reason, **more)
    assert status == 200, answer
    return answer


def lift(subject: str = "zoo/birds") -> Document:
    return recall(subject, reason="labels were right", lift=True)


def approve(arn: str, status: str = "Approved", why: str = "good enough") -> None:
    aws.sagemaker().update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus=status,  # type: ignore[arg-type]
        ApprovalDescription=why,
    )


def stands(arn: str) -> tuple[str, str, bool]:
    """A package's approval, why, and whether it is marked as recalled."""
    found = package(arn)
    marked = "recalled" in found["CustomerMetadataProperties"]
    return found["ModelApprovalStatus"], found.get("ApprovalDescription", ""), marked


@pytest.fixture
def birds() -> Dataset:
    return drop()


@pytest.fixture
def models(call: Call, registry: Registry, birds: Dataset) -> tuple[str, str]:
    """A model of the birds, and one of the fish."""
    fish = drop("fish", "other rows", "v2")
    first = call("register_model", to_register(admit(birds), birds))["arn"]
    second = call("register_model", to_register(admit(fish, "zoo-fish-1"), fish))["arn"]
    registry.told.clear()
    return first, second


def test_every_model_of_the_dataset_is_marked_and_no_other(models: tuple[str, str]) -> None:
    answer = recall()
    assert [(model["arn"], model["approval"]) for model in answer["models"]] == [(models[0], "Rejected")]
    assert stands(models[0]) == ("Rejected", f"Recalled by {ADA}: wrong labels", True)
    assert stands(models[1]) == PENDING


def test_the_timeline_and_the_ledger_say_who_and_why(
    models: tuple[str, str], birds: Dataset, announced: Announced
) -> None:
    announced()
    answer = recall()
    row = recalls.standing("zoo", birds.digest)
    told = [entry for entry in ledger.entries(f"RUN#{answer['models'][0]['run_id']}") if entry.what == "ModelRecalled"]
    assert row is not None
    assert (row.by, row.reason, row.dataset_id) == (ADA, "wrong labels", birds.id)
    assert [(entry.actor, entry.reason) for entry in told] == [(ADA, "wrong labels")]
    assert [kind for kind, _ in announced()] == ["ModelRecalled"]


def test_recalled_again_it_changes_nothing_and_the_first_reason_stays(
    models: tuple[str, str], registry: Registry, birds: Dataset
) -> None:
    first = recall()
    changes = len(registry.told)
    assert recall(reason="another reason")["models"] == first["models"]
    row = recalls.standing("zoo", birds.digest)
    assert (len(registry.told), row and row.reason) == (changes, "wrong labels")


@pytest.mark.parametrize("before", [("Approved", "good enough"), ("Rejected", "too slow")])
def test_lifting_restores_what_was_there_before(models: tuple[str, str], before: tuple[str, str]) -> None:
    approve(models[0], *before)
    recall()
    assert stands(models[0])[0] == "Rejected"
    lifted = lift()
    assert stands(models[0]) == (*before, False)
    assert [(model["approval"], model["kept"]) for model in lifted["models"]] == [(before[0], False)]


def test_a_package_that_was_rejected_before_keeps_its_reason_and_is_not_rejected_once_more(
    models: tuple[str, str], registry: Registry
) -> None:
    approve(models[0], "Rejected", "too slow")
    registry.told.clear()
    recall()
    assert stands(models[0]) == ("Rejected", "too slow", True)
    assert [told["UpdatedModelPackageFields"] for told in registry.told] == [["CustomerMetadataProperties"]]


def test_only_a_write_that_changes_the_approval_says_so(models: tuple[str, str], registry: Registry) -> None:
    recall()
    lift()
    fields = [told["UpdatedModelPackageFields"] for told in registry.told]
    assert ["ModelApprovalStatus" in one for one in fields] == [True, True]


def test_lifting_leaves_alone_what_somebody_has_decided_since(models: tuple[str, str]) -> None:
    recall()
    approve(models[0], "Rejected", "and it is slow, too")
    lifted = lift()
    assert stands(models[0]) == ("Rejected", "and it is slow, too", False)
    assert [model["kept"] for model in lifted["models"]] == [True]


def test_an_approval_that_somebody_gave_in_spite_of_a_recall_is_taken_back_when_it_is_recalled_again(
    models: tuple[str, str],
) -> None:
    recall()
    approve(models[0])
    recall()
    assert stands(models[0])[0] == "Rejected"


@pytest.mark.parametrize("operation", ["UpdateModelPackage", "DescribeModelPackage"])
def test_a_recall_that_died_half_way_is_finished_by_asking_again_and_lifted_whole(
    models: tuple[str, str], operation: str
) -> None:
    approve(models[0])
    with refusing(aws.sagemaker(), operation, "ThrottlingException", 10):
        assert wish("recall_dataset", ADA, subject="zoo/birds", reason="wrong")[0] == 503
    recall()
    with refusing(aws.sagemaker(), operation, "ThrottlingException", 10):
        assert wish("recall_dataset", ADA, subject="zoo/birds", reason="right", lift=True)[0] == 503
    lift()
    assert stands(models[0]) == ("Approved", "good enough", False)


def test_a_model_that_was_deleted_keeps_nobody_from_recalling_the_rest(
    call: Call, models: tuple[str, str], birds: Dataset
) -> None:
    aws.sagemaker().delete_model_package(ModelPackageName=models[0])
    assert [model["approval"] for model in recall()["models"]] == ["Deleted"]


def test_no_model_is_made_of_what_was_recalled_meanwhile_and_its_package_cannot_be_approved(
    call: Call, registry: Registry, birds: Dataset
) -> None:
    run = admit(birds)
    assert recall()["running"] == [run.id]
    with pytest.raises(Conflict) as raised:
        call("register_model", to_register(run, birds))
    assert raised.value.failure.code == "DatasetRecalled"
    assert aws.sagemaker().list_model_packages()["ModelPackageSummaryList"] == []


def test_a_recall_in_the_moment_of_registration_wins_or_finds_the_model(
    call: Call, registry: Registry, birds: Dataset
) -> None:
    run = admit(birds)
    with refusing(aws.dynamodb(), "TransactWriteItems", "ThrottlingException", 4), pytest.raises(Unavailable):
        call("register_model", to_register(run, birds))  # the package is there, the ledger does not know it yet
    assert recall()["models"] == []
    with pytest.raises(Conflict) as raised:
        call("register_model", to_register(run, birds))
    assert raised.value.failure.code == "DatasetRecalled"


def test_a_package_whose_run_lost_the_race_is_rejected(call: Call, registry: Registry, birds: Dataset) -> None:
    run = admit(birds)
    passport = issue(planned(of=birds), run, birds, checkpoint(), Code(version="1", digest="a" * 64))
    group = packages.ensure_group("zoo", "birds")
    arn = packages.register(group, described(passport, planned(of=birds), run, "s3://m/metrics.json"))
    recall()
    model = describe(arn, group, run, checkpoint(), passport.digest)
    with pytest.raises(Conflict) as raised:
        successes.record(run, registration(model, passport, run, clock.stamp()))
    assert (raised.value.failure.code, stands(arn)[0]) == ("DatasetRecalled", "Rejected")
    assert (ledger.run(run.id) or run).status == "running"


def test_the_same_content_dropped_again_is_not_admitted_until_the_recall_is_lifted(
    models: tuple[str, str], birds: Dataset
) -> None:
    recall()
    renamed = drop("renamed", "rows", "v9")
    assert renamed.digest == birds.digest
    for again in (birds, renamed):
        with pytest.raises(Conflict) as raised:
            admit(again, "zoo-again-1")
        assert raised.value.failure.code == "DatasetRecalled"
    lift()
    assert admit(renamed, "zoo-again-2").model_arn == models[0]


def test_after_a_lift_a_run_registers_as_before(call: Call, registry: Registry, birds: Dataset) -> None:
    run = admit(birds)
    recall()
    lift()
    arn = call("register_model", to_register(run, birds))["arn"]
    assert (stands(arn), recalls.of_run(run)) == (PENDING, None)


@pytest.mark.parametrize(
    "subject",
    [
        "zoo/birds",
        "zoo/birds/{version}",
        "s3://dropforge-test-datasets/datasets/zoo/birds/train.jsonl",
        "{run}",
    ],
)
def test_data_has_many_names(models: tuple[str, str], birds: Dataset, subject: str) -> None:
    run = package(models[0])["CustomerMetadataProperties"]["run"]
    name = subject.format(version=birds.digest[:12], run=run)
    status, answer = wish("recall_dataset", ADA, subject=name, reason="wrong")
    if name.startswith("s3:"):  # which objects an upload holds is read from its listing, which is not there
        assert (status, answer["code"]) == (404, "UploadGone")
        return
    assert [model["arn"] for model in answer["models"]] == [models[0]]


def test_a_stranger_recalls_and_lifts_nothing(models: tuple[str, str], birds: Dataset) -> None:
    for more in ({}, {"lift": True}):
        status, answer = wish("recall_dataset", STRANGER, subject="zoo/birds", reason="mine", **more)
        assert (status, answer["code"]) == (400, "NotAMember")
    assert (stands(models[0]), recalls.standing("zoo", birds.digest)) == (PENDING, None)


def test_what_nobody_knows_is_not_recalled(models: tuple[str, str]) -> None:
    status, answer = wish("recall_dataset", ADA, subject="zoo/whales", reason="wrong")
    assert (status, answer["code"]) == (404, "DataUnknown")
