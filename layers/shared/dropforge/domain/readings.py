"""Readings: what was found in a slice of a file, kept until all slices of the upload are put together."""

from collections.abc import Sequence
from typing import cast

from dropforge.domain.datasets import Kind
from dropforge.domain.failures import Failure
from dropforge.domain.reports import Fault, Report, ReportBuilder, with_findings
from dropforge.domain.values import Sha256, Value
from dropforge.errors import InvalidInput


class Reading(Value):
    """What was found in one slice: its report (lines counted from the slice's first) and the digest of its own bytes."""

    file: int
    report: Report
    sha256: Sha256


class Readings(Value):
    """What was found in one range of the listing with this digest, or why it could not be read."""

    listing: Sha256
    readings: tuple[Reading, ...] = ()
    failure: Failure | None = None


def warned(report: Report, ranges: int) -> Report:
    """Return a report that says so when its rows were compared inside each of several ranges only."""
    if not ranges:
        return report
    why = f"The upload was read in {ranges} ranges side by side: rows were compared inside each range only."
    found = ReportBuilder(report.file, report.role)
    found.add(Fault.of("NotAllCompared", why))
    return with_findings(report, found)


def one_kind(reports: Sequence[Report]) -> Kind:
    """Return the kind of all files. Raises InvalidInput (DatasetRejected) when they are of several, or of several shapes."""
    of = {(report.kind, report.shape): report.file for report in reports}
    if len(of) > 1:
        named = ", ".join(f"`{file}` is {kind} ({shape})" for (kind, shape), file in sorted(of.items()))
        raise InvalidInput("DatasetRejected", f"The files are of different kinds or shapes: {named}.")
    return cast("Kind", reports[0].kind)
