"""Reading a dataset: every byte once, hashed and checked as it passes, and the report written beside the upload."""

from dropforge.adapters import storage
from dropforge.domain import rows
from dropforge.domain.blocks import Hashed, gunzip
from dropforge.domain.datasets import Dataset, File, Manifest, content_digest, folder
from dropforge.domain.reports import Report
from dropforge.domain.uploads import REPORT
from dropforge.errors import InvalidInput


def read(manifest: Manifest) -> Dataset:
    """Read a manifest's files and return the dataset. Raises InvalidInput (DatasetRejected, ManifestMismatch) after the report is written."""
    readings = [_read_file(manifest.upload.bucket, file) for file in manifest.files]
    reports = [report for _, report in readings]
    files = tuple(file for file, _ in readings)
    uri = _write_report(manifest, reports)
    _refuse_bad(reports, uri)
    _refuse_changed(manifest.files, files)
    return Dataset(
        project=manifest.project,
        name=manifest.dataset,
        digest=content_digest(files),
        kind=reports[0].kind or "sft",
        rows=sum(report.rows for report in reports),
        bytes=sum(file.bytes for file in files),
        files=files,
        upload=manifest.upload,
        report_uri=uri,
    )


def _read_file(bucket: str, file: File) -> tuple[File, Report]:
    hashed = Hashed(storage.read_blocks(bucket, file))
    report = rows.check(gunzip(hashed) if file.path.endswith(".gz") else hashed, file.path)
    return file.model_copy(update={"sha256": hashed.sha256}), report


def _refuse_changed(claimed: tuple[File, ...], read: tuple[File, ...]) -> None:
    for said, found in zip(claimed, read, strict=True):
        if said.sha256 not in (None, found.sha256):
            why = f"`{said.path}` has the SHA-256 {found.sha256}, the manifest says {said.sha256}."
            raise InvalidInput("ManifestMismatch", why, {"key": said.key})


def _write_report(manifest: Manifest, reports: list[Report]) -> str:
    document = {
        "upload": manifest.upload.model_dump(mode="json"),
        "accepted": all(report.accepted for report in reports),
        "files": [report.model_dump(mode="json") for report in reports],
    }
    return storage.write_json(manifest.upload.bucket, folder(manifest.upload.key) + REPORT, document)


def _refuse_bad(reports: list[Report], uri: str) -> None:
    bad = [report for report in reports if not report.accepted]
    if not bad:
        return
    lines = [line for report in bad for line in report.summary()][:5]
    faults = sum(sum(report.counts.values()) for report in bad)
    counted = f"{faults} fault{'' if faults == 1 else 's'} in {len(bad)} file{'' if len(bad) == 1 else 's'}"
    more = [f"and {faults - len(lines)} more, all in the report"] if faults > len(lines) else []
    why = f"{counted}. First: {lines[0]}"
    raise InvalidInput("DatasetRejected", why, {"report": uri, "then": [*lines[1:], *more]})
