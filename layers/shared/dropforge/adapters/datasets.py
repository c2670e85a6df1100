"""A dataset: what was read of an upload, reported beside it, and then believed or refused."""

from collections.abc import Sequence

from dropforge.adapters import listings, readings, storage, table
from dropforge.domain.datasets import FIRST, Dataset, File, Files, Manifest, content_digest
from dropforge.domain.readings import one_kind, warned
from dropforge.domain.reports import Report
from dropforge.domain.uploads import REPORT, folder
from dropforge.errors import InvalidInput


def believe(manifest: Manifest) -> Dataset:
    """Return the dataset that an upload is. Raises InvalidInput (DatasetRejected, ManifestMismatch) once the report is written."""
    claimed = listings.read(manifest.listing)
    listed, found = readings.read_all(manifest)
    reports = [warned(report, manifest.ranges) for report in found]
    uri = _write_report(manifest, reports)
    _refuse_bad(reports, uri)
    _refuse_changed(claimed.files, listed.files)
    return _dataset(manifest, listed, reports, uri)


def recorded(dataset_id: str) -> Dataset | None:
    """Return a dataset version as the ledger holds it."""
    return table.get(f"DATASET#{dataset_id}", "DATASET", Dataset)


def _dataset(manifest: Manifest, listed: Files, reports: list[Report], uri: str) -> Dataset:
    place = manifest.listing
    longest = max(reports, key=lambda report: report.longest_bytes)
    return Dataset(
        project=manifest.project,
        name=manifest.dataset,
        digest=content_digest(listed.files),
        kind=one_kind(reports),
        rows=sum(file.rows for file in listed.files),
        train_rows=sum(file.rows for file in listed.files if file.role == "train"),
        bytes=manifest.bytes,
        files=manifest.files,
        longest_bytes=longest.longest_bytes,
        longest_at=f"{longest.file} line {longest.longest_line}",
        listing=listings.write(place.bucket, f"{folder(place.key)}files.json", listed),
        upload=manifest.upload,
        report_uri=uri,
        tool_rows=sum(report.tool_rows for report in reports),
        warnings=sum(sum(report.warning_counts.values()) for report in reports),
    )


def _refuse_changed(claimed: Sequence[File], read: Sequence[File]) -> None:
    wrong = [
        (said, found) for said, found in zip(claimed, read, strict=True) if said.sha256 not in (None, found.sha256)
    ]
    if wrong:
        said, found = wrong[0]
        why = f"`{said.path}` has the SHA-256 {found.sha256}, the manifest says {said.sha256}."
        more = f" {len(wrong) - 1} more files are not what it says." if len(wrong) > 1 else ""
        raise InvalidInput("ManifestMismatch", why + more, {"files": [said.path for said, _ in wrong[:FIRST]]})


def _write_report(manifest: Manifest, reports: list[Report]) -> str:
    """Write the report among what is the upload's own, where it stays, and beside the upload, where people look and a later upload's replaces it."""
    document = {
        "upload": manifest.upload.model_dump(mode="json"),
        "accepted": all(report.accepted for report in reports),
        "files": [report.model_dump(mode="json") for report in reports],
    }
    storage.write_json(manifest.upload.bucket, folder(manifest.upload.key) + REPORT, document)
    return storage.write_json(manifest.listing.bucket, folder(manifest.listing.key) + REPORT, document)


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
