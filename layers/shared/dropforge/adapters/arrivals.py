"""What arrived: an upload read as a manifest, whether it is one file or many, and what became of it."""

import json
from collections.abc import Iterator

from pydantic import ValidationError

from dropforge.adapters import clock, ledger, listings, settings, storage
from dropforge.domain.datasets import FIRST, DroppedFile, DroppedManifest, File, Files, Manifest, check_files, role_of
from dropforge.domain.failures import Failure
from dropforge.domain.ranges import divide
from dropforge.domain.requests import lay
from dropforge.domain.runs import Arrival, ArrivalStatus
from dropforge.domain.uploads import Location, Start, Upload, Wanted, folder, locate, own_folder
from dropforge.domain.values import explain
from dropforge.errors import InvalidInput, NotFound

MANIFEST_LIMIT = 32_000_000  # bytes: 100,000 files
RUN_LIMIT = 16_384  # bytes of a run request as JSON: it travels in state


def read_manifest(start: Start) -> Manifest:
    """Return what an upload claims to hold, its files written as a listing. The request of `start` lies on the manifest's own.

    Raises InvalidInput (BadInput, WrongKeyLayout, BadManifest, ManifestMismatch, RoleUnknown, and what check_files says) or NotFound (UploadGone).
    """
    location = locate(start.upload.key)
    if location is None:
        raise InvalidInput("WrongKeyLayout", f"`{start.upload.key}` is not a dataset.", {"key": start.upload.key})
    upload = _pinned(start.upload)
    if location.role == "file":
        return _manifest(upload, location, (storage.describe(upload),), start)
    dropped = _dropped(upload)
    files = _listed(upload, dropped.files)
    return _manifest(upload, location, files, start.model_copy(update={"run": lay(dropped.run, start.run)}))


def _pinned(wanted: Wanted) -> Upload:
    """Return the upload in one version: the one asked for, or the newest."""
    if wanted.bucket != settings.datasets_bucket():
        why = f"`upload.bucket` is `{wanted.bucket}`; datasets lie in `{settings.datasets_bucket()}`."
        raise InvalidInput("BadInput", why)
    version_id = wanted.version_id or storage.newest_version(wanted.bucket, wanted.key)
    if version_id is None:
        raise NotFound("UploadGone", f"There is no `{wanted.key}` in `{wanted.bucket}`.", {"key": wanted.key})
    return Upload(bucket=wanted.bucket, key=wanted.key, version_id=version_id)


def _manifest(upload: Upload, location: Location, files: tuple[File, ...], start: Start) -> Manifest:
    if len(json.dumps(start.run)) > RUN_LIMIT:
        raise InvalidInput("BadRunRequest", f"The run request has more than {RUN_LIMIT:,} bytes.")
    listed = Files(range_bytes=settings.check_range_bytes(), files=files)
    check_files(files, listed.range_bytes)
    ranges = len(divide(listed))
    return Manifest(
        upload=upload,
        project=location.project,
        dataset=location.dataset,
        files=len(files),
        bytes=sum(file.bytes for file in files),
        ranges=ranges if ranges > 1 else 0,
        listing=listings.write(upload.bucket, own_folder(upload, location) + "claimed.json", listed),
        run=start.run,
    )


def _dropped(upload: Upload) -> DroppedManifest:
    raw = storage.read_whole(upload, MANIFEST_LIMIT + 1)
    if len(raw) > MANIFEST_LIMIT:
        why = f"It has more than {MANIFEST_LIMIT:,} bytes."
        raise InvalidInput("BadManifest", why, {"key": upload.key})
    try:
        return DroppedManifest.model_validate_json(raw)
    except ValidationError as error:
        raise InvalidInput("BadManifest", explain(error), {"key": upload.key}) from error


def _listed(upload: Upload, lines: tuple[DroppedFile, ...]) -> tuple[File, ...]:
    """Return the files that a manifest lists, in the versions they have now."""
    _refuse_paths(upload, [line.path for line in lines])
    there = storage.newest_files(upload.bucket, folder(upload.key))
    missing = [line.path for line in lines if line.path not in there]
    if missing:
        why = f"{_named(missing)} listed and missing. manifest.json must be uploaded last, when all files are there."
        raise InvalidInput("ManifestMismatch", why, {"key": upload.key, "missing": missing[:FIRST]})
    wrong = [line for line in lines if there[line.path].bytes != line.bytes]
    if wrong:
        one = wrong[0]
        why = f"`{one.path}` has {there[one.path].bytes:,} bytes, the manifest says {one.bytes:,}."
        raise InvalidInput("ManifestMismatch", why, {"key": upload.key, "files": [line.path for line in wrong[:FIRST]]})
    claims = ({"sha256": line.sha256, "role": line.role or role_of(line.path)} for line in lines)
    return tuple(there[line.path].model_copy(update=claim) for line, claim in zip(lines, claims, strict=True))


def _named(paths: list[str]) -> str:
    more = f" and {len(paths) - 1:,} more are" if len(paths) > 1 else " is"
    return f"`{paths[0]}`{more}"


def _refuse_paths(upload: Upload, paths: list[str]) -> None:
    """Refuse paths that leave the folder, that no file system can hold, or that stand twice."""
    for path in paths:
        if {"", ".", ".."} & set(path.split("/")):
            why = f"`{path}` is not a path inside the upload's own folder."
            raise InvalidInput("BadManifest", why, {"key": upload.key})
    twice = next(_repeated(paths), None)
    if twice is not None:
        raise InvalidInput("BadManifest", f"`{twice}` is listed twice.", {"key": upload.key})


def _repeated(paths: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            yield path
        seen.add(path)


def record(manifest: Manifest, execution: str, status: ArrivalStatus, failure: Failure | None = None) -> None:
    """Write what became of a manifest's upload; one that was started by hand alone has its first row here."""
    arrival = ledger.arrival(manifest.upload) or Arrival(
        upload=manifest.upload,
        project=manifest.project,
        dataset=manifest.dataset,
        execution=execution,
        status="received",
        at=clock.stamp(),
        run=manifest.run,
    )
    _advance(arrival, execution, status, None, failure)


def record_ready(manifest: Manifest, execution: str) -> None:
    """Write that an upload was believed, and that it is the newest of its dataset unless a later one is; S3 says which came later."""
    record(manifest, execution, "ready")
    arrival = ledger.arrival(manifest.upload)
    if arrival is not None:
        ledger.record_latest(arrival, storage.uploaded_at(manifest.upload))


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
