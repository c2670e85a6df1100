"""A run that is about to register its model, as the machine hands it over, and what the registry and the ledger then say."""

from dropforge.adapters import admissions, aws, ledger
from dropforge.domain.datasets import Dataset
from dropforge.domain.runs import Run
from dropforge.domain.uploads import Upload

from tests import builders
from tests.contracts.repository import Document


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


def package(arn: str) -> Document:
    """What the registry says of a package."""
    found: Document = aws.sagemaker().describe_model_package(ModelPackageName=arn)  # type: ignore[assignment]
    return found
