"""A run that is about to register its model, as the machine hands it over, and what the registry and the ledger then say."""

import time

from dropforge.adapters import admissions, aws, clock, contents, ledger, registry, table
from dropforge.domain.approvals import Approval, Status
from dropforge.domain.datasets import Dataset
from dropforge.domain.evaluations import Incumbent
from dropforge.domain.models import Package, describe, registration
from dropforge.domain.runs import Run
from dropforge.domain.uploads import Upload

from tests import builders
from tests.contracts.repository import Document
from tests.functions.conftest import MODELS


def drop(name: str = "birds", content: str = "rows", version_id: str = "v1") -> Dataset:
    """A dataset that was believed, read from an upload of its own."""
    upload = Upload(bucket=builders.BUCKET, key=f"datasets/zoo/{name}/train.jsonl", version_id=version_id)
    listing = builders.listing(f"datasets/zoo/{name}/.dropforge/{upload.id}/files.json")
    found = builders.dataset(builders.file(content=content), name=name, drop=upload)
    believed = found.model_copy(update={"listing": listing})
    ledger.record_dataset(believed)
    return believed


def admit(dataset: Dataset, execution: str = builders.EXECUTION) -> Run:
    """The run of a dataset, claimed by an execution."""
    ledger.bind_upload(builders.arrival(execution, drop=dataset.upload).model_copy(update={"dataset": dataset.name}))
    return admissions.claim(builders.planned(of=dataset), dataset, execution).run


def to_register(run: Run, dataset: Dataset | None = None) -> Document:
    """What RegisterModel is handed."""
    of = dataset or builders.dataset()
    values = {"plan": builders.planned(of=of), "dataset": of, "run": run, "checkpoint": builders.checkpoint()}
    return {name: value.model_dump(mode="json") for name, value in values.items()}


def register(name: str, word: str = "Approved", status: Status | None = "approved") -> Incumbent:
    """A model of `zoo/birds` with what the registry says of it (`word`) and the ledger; None for one of which the ledger knows nothing."""
    uri = f"s3://{MODELS}/exports/zoo/{name}/"
    described = Package(
        uri=uri, image="i", description=name, token=name.ljust(36, "0"), properties={}, card="{}", metrics_uri=uri
    )
    arn = registry.register(registry.ensure_group("zoo", "birds"), described)
    if word != "PendingManualApproval":
        aws.sagemaker().update_model_package(ModelPackageArn=arn, ModelApprovalStatus=word)  # type: ignore[arg-type]
    if status is not None:
        run = builders.run().model_copy(update={"id": name})
        model = describe(arn, "zoo--birds", run, builders.checkpoint(), "a" * 64)
        of = builders.passport()
        table.change(*contents.of_model(registration(model, of, run, clock.stamp())))
        asked = {"run_id": name, "attempt": 1, "project": "zoo", "dataset": "birds", "model": model, "shown": "a" * 64}
        times = {"asked_at": clock.stamp(), "expires_at": clock.stamp()}
        approval = Approval.model_validate({**asked, **times, "status": status})
        table.put(f"RUN#{name}", "APPROVAL", approval, {"status": status})
    time.sleep(0.01)  # the registry orders by time
    return Incumbent(arn=arn, uri=uri)


def package(arn: str) -> Document:
    """What the registry says of a package."""
    found: Document = aws.sagemaker().describe_model_package(ModelPackageName=arn)  # type: ignore[assignment]
    return found
