"""TraceModel and ListModels: what a model came from, which came of something, and what stands, for members and viewers only."""

import pytest
from dropforge.adapters import aws, ledger, listings
from dropforge.domain.datasets import Dataset, File, Files
from dropforge.domain.passports import Passport, is_whole, key_of

from tests import builders
from tests.contracts.repository import Document
from tests.functions.acting import wish
from tests.functions.conftest import DATASETS, MODELS, Call, Registry
from tests.functions.registering import admit, drop, package, to_register

ADA = "arn:aws:iam::123456789012:user/ada"
STRANGER = "arn:aws:iam::123456789012:user/mallory"

pytestmark = pytest.mark.usefixtures("members")


def asked(function: str, **said: object) -> Document:
    status, answer = wish(function, ADA, **said)
    assert status == 200, answer
    return answer


def register(call: Call, dataset: Dataset, execution: str) -> str:
    return str(call("register_model", to_register(admit(dataset, execution), dataset))["arn"])


@pytest.fixture
def models(call: Call, registry: Registry) -> tuple[str, str, str]:
    """A model of the birds, one of other birds, and one of the fish."""
    return (
        register(call, drop(), "zoo-birds-1"),
        register(call, drop("birds", "newer rows", "v2"), "zoo-birds-2"),
        register(call, drop("fish", "other rows", "v3"), "zoo-fish-1"),
    )


def folder(name: str, *paths: str) -> Dataset:
    """A dataset that was uploaded as a folder, with the listing of its files."""
    place = f"datasets/zoo/{name}/u1"
    files = tuple(File(path=p, key=f"{place}/{p}", version_id=f"v-{p}", bytes=4, sha256="a" * 64) for p in paths)
    listing = listings.write(
        DATASETS, f"datasets/zoo/{name}/.dropforge/x/files.json", Files(range_bytes=9, files=files)
    )
    found = drop(name, name, "m1")
    upload = found.upload.model_copy(update={"key": f"{place}/manifest.json", "bucket": DATASETS})
    whole = found.model_copy(update={"upload": upload, "listing": listing})

    ledger.record_dataset(whole)
    return whole


def test_models_are_listed_the_newest_first_with_their_approval(models: tuple[str, str, str]) -> None:
    aws.sagemaker().update_model_package(ModelPackageArn=models[1], ModelApprovalStatus="Approved")
    lines = asked("list_models")["lines"]
    assert [(line["arn"], line["approval"]) for line in lines] == [
        (models[2], "PendingManualApproval"),
        (models[1], "Approved"),
        (models[0], "PendingManualApproval"),
    ]
    assert {(line["loss_before"], line["loss_after"]) for line in lines} == {(2.5, 0.5)}


def test_models_of_one_dataset_come_in_pages(models: tuple[str, str, str]) -> None:
    first = asked("list_models", project="zoo", dataset="birds", limit=1)
    second = asked("list_models", project="zoo", dataset="birds", limit=1, before=first["before"])
    assert [line["arn"] for page in (first, second) for line in page["lines"]] == [models[1], models[0]]
    assert second["before"] == ""


def test_a_recalled_model_says_since_when(models: tuple[str, str, str]) -> None:
    assert wish("recall_dataset", ADA, subject="zoo/fish", reason="wrong")[0] == 200
    recalled = {line["arn"]: line["recalled"] != "" for line in asked("list_models")["lines"]}
    assert recalled == {models[0]: False, models[1]: False, models[2]: True}


@pytest.mark.parametrize("name", ["arn", "run"])
def test_a_model_leads_back_to_its_data_by_a_passport_that_is_whole(models: tuple[str, str, str], name: str) -> None:
    run = package(models[0])["CustomerMetadataProperties"]["run"]
    found = asked("trace_model", model=models[0] if name == "arn" else run)
    passport = Passport.model_validate(found["passport"])
    assert (found["subject"], found["datasets"]) == (models[0], [builders.dataset().id])
    assert (is_whole(passport), passport.dataset.digest) == (True, builders.dataset().digest)


def test_a_passport_that_was_changed_is_not_shown_as_if_it_were_true(models: tuple[str, str, str]) -> None:
    run = package(models[0])["CustomerMetadataProperties"]["run"]
    key = key_of("zoo", run, 1)
    body = aws.s3().get_object(Bucket=MODELS, Key=key)["Body"].read()
    aws.s3().put_object(Bucket=MODELS, Key=key, Body=body.replace(b'"rows": 400', b'"rows": 401'))
    status, answer = wish("trace_model", ADA, model=models[0])
    assert (status, answer["code"]) == (409, "PassportDiffers")


def test_a_dataset_leads_to_the_models_of_all_its_versions_and_one_version_to_its_own(
    models: tuple[str, str, str],
) -> None:
    assert {line["arn"] for line in asked("trace_model", of="zoo/birds")["models"]} == set(models[:2])
    version = builders.dataset().digest[:12]
    assert [line["arn"] for line in asked("trace_model", of=f"zoo/birds/{version}")["models"]] == [models[0]]


def test_an_object_leads_to_the_models_that_learned_from_it_and_to_no_other(call: Call, registry: Registry) -> None:
    arn = register(call, folder("ants", "train-0.jsonl", "train-1.jsonl"), "zoo-ants-1")
    register(call, folder("bees", "train-0.jsonl"), "zoo-bees-1")
    place = f"s3://{DATASETS}/datasets/zoo/ants/u1"
    for name in ("train-1.jsonl", "train-1.jsonl?versionId=v-train-1.jsonl", "manifest.json"):
        assert [line["arn"] for line in asked("trace_model", of=f"{place}/{name}")["models"]] == [arn]
    for name in ("train-7.jsonl", "train-1.jsonl?versionId=another"):
        status, answer = wish("trace_model", ADA, of=f"{place}/{name}")
        assert (status, answer["code"]) == (404, "DataUnknown")


def test_a_run_that_has_no_model_yet_is_named_as_running(registry: Registry) -> None:
    run = admit(drop())
    found = asked("trace_model", of="zoo/birds")
    assert (found["models"], found["running"]) == ([], [run.id])
    assert asked("trace_model", of=run.id)["running"] == [run.id]


@pytest.mark.parametrize(
    ("function", "said"),
    [("list_models", {"project": "zoo"}), ("trace_model", {"of": "zoo/birds"}), ("trace_model", {"model": "{arn}"})],
)
def test_a_stranger_learns_nothing(models: tuple[str, str, str], function: str, said: dict[str, str]) -> None:
    wanted = {name: text.format(arn=models[0]) for name, text in said.items()}
    status, answer = wish(function, STRANGER, **wanted)
    assert (status, answer["code"]) == (400, "NotAMember")
    assert wish("list_models", STRANGER)[1]["lines"] == []


@pytest.mark.parametrize(
    "model", ["no-such-run", "arn:aws:sagemaker:us-east-1:123456789012:model-package/zoo--birds/9"]
)
def test_a_model_that_nobody_registered_is_unknown(models: tuple[str, str, str], model: str) -> None:
    status, answer = wish("trace_model", ADA, model=model)
    assert (status, answer["code"]) == (404, "ModelUnknown")
