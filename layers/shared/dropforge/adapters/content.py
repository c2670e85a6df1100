"""What the ledger knows by content: the dataset that an upload is, the run of an identity, the newest run of a dataset's name. It only reads."""

from typing import TypeVar

from dropforge.adapters import ledger, places, storage, table
from dropforge.domain.datasets import Dataset, Files, content_digest
from dropforge.domain.previews import ToPreview
from dropforge.domain.runs import Arrival, Run
from dropforge.domain.uploads import Location, own_folder
from dropforge.errors import InvalidInput, NotFound, NotReady

Row = TypeVar("Row", Dataset, Arrival)


def run_of_identity(identity: str) -> Run | None:
    """Return the run of an identity, if there is one."""
    named = table.get(f"IDENTITY#{identity}", "IDENTITY", ledger.Name)
    return ledger.run(named.name) if named is not None else None


def newest_run(project: str, dataset: str) -> Run | None:
    """Return the newest run of a dataset's name among a project's last hundred runs and uploads."""
    runs = (ledger.run(pointer.id) for pointer in places.newest(project) if pointer.kind == "run")
    return next((run for run in runs if run is not None and run.dataset == dataset), None)


def holds(dataset: Dataset) -> bool:
    """Whether the same content lies in the project as a dataset of this name already."""
    return _of_content(dataset.id, dataset.digest) is not None


def _of_content(dataset_id: str, digest: str) -> Dataset | None:
    found = table.get(f"DATASET#{dataset_id}", "DATASET", Dataset)
    return found if found is not None and found.digest == digest else None


def dataset(asked: ToPreview) -> Dataset:
    """Return the uploaded dataset that is meant. Raises NotFound (UploadUnknown), NotReady (UploadUnread), InvalidInput (DatasetRejected)."""
    if asked.version:
        return _require(table.get(f"DATASET#{_name(asked)}/{asked.version}", "DATASET", Dataset), asked)
    arrival = _by_key(asked) if asked.key else ledger.latest(asked.project, asked.dataset)
    return _of_upload(_require(arrival, asked), asked)


def _name(asked: ToPreview) -> str:
    return f"{asked.project}/{asked.dataset}"


def _require(found: Row | None, asked: ToPreview) -> Row:
    if found is None:
        meant = asked.key or "/".join(filter(None, (_name(asked), asked.version)))
        raise NotFound("UploadUnknown", f"No upload `{meant}` has become a dataset.", {"dataset": meant})
    return found


def _by_key(asked: ToPreview) -> Arrival | None:
    """Return the newest upload of a key that the ledger has heard of."""
    arrivals = (
        ledger.arrival_by_id(pointer.id) for pointer in places.newest(asked.project) if pointer.kind == "upload"
    )
    return next((one for one in arrivals if one is not None and one.upload.key == asked.key), None)


def _of_upload(arrival: Arrival, asked: ToPreview) -> Dataset:
    if arrival.status == "rejected" and arrival.failure is not None:
        raise InvalidInput("DatasetRejected", arrival.failure.why, arrival.failure.evidence)
    where = Location(project=asked.project, dataset=asked.dataset, role="file")
    listing = storage.read_newest(arrival.upload.bucket, f"{own_folder(arrival.upload, where)}files.json")
    if listing is None:
        raise NotReady(
            "UploadUnread", f"`{arrival.upload.key}` has not been read yet.", {"execution": arrival.execution}
        )
    digest = content_digest(Files.model_validate_json(listing).files)
    return _require(_of_content(f"{_name(asked)}/{digest[:12]}", digest), asked)
