"""What arrived: an upload read as a manifest, whether it is one file or many, and what became of it."""

from pydantic import ValidationError

from dropforge.adapters import clock, ledger, storage
from dropforge.domain.datasets import DroppedFile, DroppedManifest, File, Manifest, folder
from dropforge.domain.failures import Failure
from dropforge.domain.runs import Arrival, ArrivalStatus
from dropforge.domain.uploads import Location, RunBlock, Upload, locate
from dropforge.errors import InvalidInput

MANIFEST_LIMIT = 8_000_000  # bytes


def read_manifest(upload: Upload, run: RunBlock) -> Manifest:
    """Return what an upload claims to hold. `run` is the request given by hand; it wins over the manifest's own.

    Raises InvalidInput (WrongKeyLayout, BadManifest, ManifestMismatch) or NotFound (UploadGone).
    """
    location = locate(upload.key)
    if location is None:
        raise InvalidInput("WrongKeyLayout", f"`{upload.key}` is not a dataset.", {"key": upload.key})
    if location.role == "file":
        files: tuple[File, ...] = (storage.describe(upload, upload.key.rpartition("/")[2]),)
        return _manifest(upload, location, files, run)
    dropped = _dropped(upload)
    files = tuple(_listed(upload, line) for line in dropped.files)
    return _manifest(upload, location, files, run or dropped.run)


def _manifest(upload: Upload, location: Location, files: tuple[File, ...], run: RunBlock) -> Manifest:
    return Manifest(upload=upload, project=location.project, dataset=location.dataset, files=files, run=run)


def _dropped(upload: Upload) -> DroppedManifest:
    raw = storage.read_small(upload, MANIFEST_LIMIT)
    try:
        return DroppedManifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InvalidInput("BadManifest", f"{place}: {first['msg']}.", {"key": upload.key}) from error


def _listed(upload: Upload, line: DroppedFile) -> File:
    key = folder(upload.key) + line.path
    if ".." in line.path.split("/") or line.path.startswith("/"):
        raise InvalidInput("BadManifest", f"`{line.path}` leaves the upload's own folder.", {"key": upload.key})
    found = storage.find(upload.bucket, key, line.path)
    if found is None:
        raise InvalidInput("ManifestMismatch", f"`{line.path}` is listed and missing.", {"key": key})
    if found.bytes != line.bytes:
        why = f"`{line.path}` has {found.bytes:,} bytes, the manifest says {line.bytes:,}."
        raise InvalidInput("ManifestMismatch", why, {"key": key})
    return found.model_copy(update={"sha256": line.sha256})


def record(manifest: Manifest, execution: str, status: ArrivalStatus, failure: Failure | None = None) -> None:
    """Write what became of a manifest's upload; one that was started by hand alone has its first row here."""
    arrival = ledger.arrival(manifest.upload) or Arrival(
        upload=manifest.upload,
        project=manifest.project,
        dataset=manifest.dataset,
        execution=execution,
        status="received",
        at=clock.stamp(),
    )
    _advance(arrival, execution, status, None, failure)


def advance(
    upload: Upload, execution: str, status: ArrivalStatus, run_id: str | None, failure: Failure | None = None
) -> None:
    """Write what became of an upload that `execution` stands for; any other execution changes nothing."""
    arrival = ledger.arrival(upload)
    if arrival is not None:
        _advance(arrival, execution, status, run_id, failure)


def _advance(
    arrival: Arrival, execution: str, status: ArrivalStatus, run_id: str | None, failure: Failure | None
) -> None:
    if arrival.execution != execution:
        return
    update = {"status": status, "at": clock.stamp(), "run_id": run_id or arrival.run_id, "failure": failure}
    ledger.record_arrival(arrival.model_copy(update=update))
