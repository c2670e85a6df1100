"""What the report of a run needs besides its journey: the dataset and what was found in it, the checkpoint, the loss as its job's log tells it."""

import json
from collections.abc import Sequence

from pydantic import ValidationError

from dropforge.adapters import datasets, ledger, logs, recipes, settings, storage
from dropforge.domain.curves import Curve, draw, read_points
from dropforge.domain.datasets import Dataset
from dropforge.domain.reports import Report
from dropforge.domain.run_reports import Facts
from dropforge.domain.runs import Run
from dropforge.domain.timeline import Entry
from dropforge.errors import InvalidInput

REPORT_LIMIT = 4_000_000  # bytes of a dataset's report: some thousand files with twenty findings of each kind
LOG_LIMIT = 16_000_000  # bytes of a job's log


def gather(run: Run, entries: Sequence[Entry]) -> Facts:
    """Return what is known of a run's attempt; what cannot be read any more is left out, with a note."""
    dataset, held = datasets.recorded(run.dataset_id), ledger.verified(run.id)
    findings, findings_note = _findings(dataset) if dataset else ((), "")
    curve = _curve(run, entries)
    return Facts(
        dataset=dataset,
        findings=findings,
        findings_note=findings_note,
        checkpoint=held.checkpoint if held and held.attempt <= run.attempt else None,
        curve=curve,
        curve_note=_beginning(curve),
    )


def _findings(dataset: Dataset) -> tuple[tuple[Report, ...], str]:
    """Return what was found in the dataset's files, from the report that is its upload's own."""
    bucket, _, place = dataset.report_uri.removeprefix("s3://").partition("/")
    _, text = storage.etag_and_text(bucket, place, REPORT_LIMIT)
    try:
        document = json.loads(text)
        if document["upload"] != dataset.upload.model_dump(mode="json"):
            return (), "A later upload to the same place has replaced the report on this one."
        return tuple(Report.model_validate(found) for found in document["files"]), ""
    except (ValueError, ValidationError, KeyError):
        return (), "The report on the upload is gone, or too large to be shown here."


def _curve(run: Run, entries: Sequence[Entry]) -> Curve | None:
    """Return the losses of the last job that has told any."""
    started = [e.step for e in entries if e.what == "RunStarted" and e.attempt == run.attempt and e.step]
    pattern = _pattern(run)
    for step in reversed(dict.fromkeys(started)):
        place = logs.key((run.project, run.id, run.attempt, step))
        _, text = storage.etag_and_text(settings.models_bucket(), place, LOG_LIMIT)
        curve = draw(step, read_points(text.splitlines(), pattern))
        if curve is not None:
            return curve
    return None


def _pattern(run: Run) -> str:
    try:
        return recipes.read(run.recipe).progress
    except InvalidInput:  # a recipe of then that is not deployed any more
        return ""


def _beginning(curve: Curve | None) -> str:
    if curve is None:
        return "No job of this attempt has left a log with two losses in it."
    if curve.first[0] <= 1:
        return ""
    return (
        f"It begins at step {curve.first[0]:,}: the job went on from a checkpoint, or its log, of which the newest "
        f"{logs.LINES:,} lines are kept, begins there."
    )
