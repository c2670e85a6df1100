"""Local files as the deployment would read them: their reports, what would refuse them, and the draft of the dataset that they would become."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from dropforge.client.refusals import Refused
from dropforge.client.uploads import files_of, train_name
from dropforge.domain import rows
from dropforge.domain.blocks import gunzip
from dropforge.domain.datasets import File, Kind, check_files, content_digest, role_of
from dropforge.domain.drafts import UPLOAD, Draft
from dropforge.domain.duplicates import Duplicates
from dropforge.domain.failures import failure
from dropforge.domain.ranges import is_divided, joined_digest
from dropforge.domain.readings import one_kind
from dropforge.domain.reports import Report, Role
from dropforge.domain.values import Value
from dropforge.errors import InvalidInput


class Checked(Value):
    """What `check` finds of a dataset: whether an upload of it would be accepted, why not (empty when it would), and each file's report."""

    accepted: bool
    why: str
    files: tuple[Report, ...]


def read(path: Path) -> list[Report]:
    """Return what was found in each file of a dataset, in the order of their paths. Raises Refused (NoTrainFile, RoleUnknown)."""
    files = files_of(path)
    seen = Duplicates.of_bytes(sum(file.stat().st_size for file in files.values()))
    reports = [rows.check(_blocks(file), name, _role(path, name), seen) for name, file in files.items()]
    if seen.needs_second_pass and all(report.accepted for report in reports):
        pairs = zip(files.values(), reports, strict=True)
        reports = [rows.check_again(_blocks(file), report, seen) for file, report in pairs]
    return reports


def _role(path: Path, name: str) -> Role:
    if path.is_file():
        return "train"
    try:
        return role_of(name)
    except InvalidInput as problem:
        raise Refused(problem.failure) from problem


def _blocks(path: Path) -> Iterator[bytes]:
    return gunzip(_plain(path)) if path.name.endswith(".gz") else _plain(path)


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(rows.BLOCK):
            yield block


def refusal(reports: Sequence[Report], kind: Kind | None = None) -> str:
    """Say why a dataset would be rejected; empty when it would not."""
    faults = sum(sum(report.counts.values()) for report in reports)
    if faults:
        return f"{faults:,} fault{'' if faults == 1 else 's'}: no training could use these rows."
    if not any(report.role == "train" for report in reports):
        return "There is nothing to train on: no file whose name starts with `train`."
    try:
        found = one_kind(reports)
    except InvalidInput as problem:
        return problem.failure.why
    return f"The rows are {found}, not {kind}." if kind and kind != found else ""


def draft(path: Path, range_bytes: int) -> Draft:
    """Return the dataset that a file or folder would become. A file of more than `range_bytes` bytes is hashed in ranges, as it would be read.

    Raises Refused for what would be refused.
    """
    reports = read(path)
    why = refusal(reports)
    if why:
        lines = [line for report in reports for line in report.summary()][:5]
        raise Refused(failure("DatasetRejected", f"{path}: {why} `dropforge check` lists them.", {"first": lines}))
    files = _files(path, reports, range_bytes)
    try:
        check_files(files, range_bytes)
    except InvalidInput as problem:
        raise Refused(problem.failure) from problem
    return _draft(files, reports)


def _draft(files: Sequence[File], reports: Sequence[Report]) -> Draft:
    file, longest = max(zip(files, reports, strict=True), key=lambda pair: pair[1].longest_bytes)
    return Draft(
        digest=content_digest(files),
        kind=one_kind(reports),
        rows=sum(report.rows for report in reports),
        train_rows=sum(report.rows for report in reports if report.role == "train"),
        bytes=sum(one.bytes for one in files),
        files=len(files),
        longest_bytes=longest.longest_bytes,
        longest_at=f"{file.path} line {longest.longest_line}",
        tool_rows=sum(report.tool_rows for report in reports),
        warnings=sum(sum(report.warning_counts.values()) for report in reports),
    )


def _files(path: Path, reports: Sequence[Report], range_bytes: int) -> tuple[File, ...]:
    """Return the files under the names that an upload gives them: a file alone is always called train."""
    found = files_of(path).items()
    return tuple(
        _hashed(train_name(file) if path.is_file() else name, file, report.role, range_bytes)
        for (name, file), report in zip(found, reports, strict=True)
    )


def _hashed(name: str, path: Path, role: Role, range_bytes: int) -> File:
    file = File(path=name, key=name, version_id=UPLOAD, bytes=path.stat().st_size, role=role)
    if is_divided(file, range_bytes):
        digests = [_sha256(path, at, range_bytes) for at in range(0, file.bytes, range_bytes)]
        return file.model_copy(update={"ranges_sha256": joined_digest(digests)})
    return file.model_copy(update={"sha256": _sha256(path, 0, file.bytes)})


def _sha256(path: Path, begin: int, size: int) -> str:
    found, left = hashlib.sha256(), size
    with path.open("rb") as file:
        file.seek(begin)
        while left and (block := file.read(min(left, rows.BLOCK))):
            found.update(block)
            left -= len(block)
    return found.hexdigest()
