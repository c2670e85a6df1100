"""The report on a run: everything that one would tell a colleague about it, as values. `pages.py` makes the page of it.

It is a function of what is recorded: the same state gives the same report, byte for byte, so writing it twice is writing it once. Whatever grows
with a run is bounded, and says what it leaves out.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.curves import Curve
from dropforge.domain.datasets import Dataset
from dropforge.domain.evaluated import EvaluationPart, evaluated, sentence
from dropforge.domain.explanations import Explanation, explain
from dropforge.domain.failures import Failure
from dropforge.domain.journeys import DECIDES, Journey, Stage, settle
from dropforge.domain.reports import Report
from dropforge.domain.runs import Run
from dropforge.domain.spending import JobTimes, Price, job_times, moment, price, terms_in
from dropforge.domain.terms import Terms
from dropforge.domain.timeline import Entry
from dropforge.domain.values import Value

EVENTS = 300  # lines of a timeline: the oldest third of them and the newest two thirds
FILES = 20  # of a dataset that are shown one by one


class Facts(Value):
    """What a journey does not carry. What is not known is left out; a note says why, for people."""

    dataset: Dataset | None = None
    findings: tuple[Report, ...] = ()
    findings_note: str = ""
    checkpoint: Checkpoint | None = None
    curve: Curve | None = None
    curve_note: str = ""


class DatasetPart(Value):
    """What a run trained on. `findings` are those of the first files; a row that could not be trained on would have ended it."""

    id: str = ""
    digest: str = ""
    kind: str = ""
    rows: int | None = None
    train_rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    warnings: int | None = None
    report_uri: str = ""
    findings: tuple[Report, ...] = ()
    files_left_out: int = 0
    note: str = ""


class Link(Value):
    """One link of the lineage: what it is, its name, and the digest that fixes its content. `note` says what is missing, or more."""

    noun: str
    name: str = ""
    digest: str = ""
    note: str = ""


class RunReport(Value):
    """The report. `as_of` is the end of a run that is over, else when it was asked for."""

    version: Literal["1"] = "1"
    name: str
    project: str = ""
    dataset: str = ""
    attempt: int | None = None
    as_of: str
    summary: Explanation
    model_arn: str = ""
    failure: Failure | None = None
    stages: tuple[Stage, ...]
    jobs: tuple[JobTimes, ...] = ()
    curve: Curve | None = None
    curve_note: str = ""
    data: DatasetPart
    evaluation: str
    evaluated: EvaluationPart | None = None
    loss_before: float | None = None
    loss_after: float | None = None
    lineage: tuple[Link, ...] = ()
    price: Price | None = None
    events: tuple[Entry, ...] = ()
    events_left_out: int = 0


def key(run: Run, form: Literal["html", "json"]) -> str:
    """Return where the report of a run's attempt lies in the models bucket: beside its model."""
    return f"runs/{run.project}/{run.id}/{run.attempt}/report.{form}"


def build(journey: Journey, facts: Facts, as_of: str) -> RunReport:
    """Return the report of a journey as it is known at `as_of` (RFC 3339). A drop that is no run yet, or never became one, has one too."""
    own = tuple(stage for stage in journey.stages if stage.name != DECIDES)  # a decision on its model comes later
    journey = settle(journey.model_copy(update={"approval": None, "stages": own}))
    run, arrival = journey.own_run or journey.run, journey.arrival
    entries = _of_attempt(journey.timeline, run)
    end = (run.ended_at if run else None) or as_of
    terms = terms_in(entries, run) if run else None
    jobs = job_times(journey.jobs, entries)
    held, part = facts.checkpoint, evaluated(entries, run.attempt) if run else None
    summary = explain(journey, datetime.fromisoformat(end).astimezone(UTC))
    return RunReport(
        name=run.id if run else journey.execution,
        project=run.project if run else arrival.project if arrival else "",
        dataset=run.dataset if run else arrival.dataset if arrival else "",
        attempt=run.attempt if run else None,
        as_of=end,
        summary=summary.model_copy(update={"evidence": ()}),
        model_arn=(run.model_arn if run else None) or "",
        failure=journey.failure,
        stages=journey.stages,
        jobs=jobs,
        curve=facts.curve,
        curve_note=facts.curve_note,
        data=_data(facts, entries),
        evaluation=sentence(part),
        evaluated=part,
        loss_before=held.loss_before if held else _number(entries, "loss_before"),
        loss_after=held.loss_after if held else _number(entries, "loss_after"),
        lineage=_lineage(journey, facts, entries, terms),
        price=price(run, terms, jobs, moment(end)) if run else None,
        events=_bounded(entries),
        events_left_out=max(0, len(entries) - EVENTS),
    )


def _of_attempt(entries: Sequence[Entry], run: Run | None) -> tuple[Entry, ...]:
    """Return the timeline without what later attempts have added to it."""
    return tuple(e for e in entries if run is None or e.attempt is None or e.attempt <= run.attempt)


def _bounded(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    if len(entries) <= EVENTS:
        return entries
    return entries[: EVENTS // 3] + entries[-(EVENTS - EVENTS // 3) :]


def _newest(entries: Sequence[Entry], what: str) -> Entry | None:
    return next((entry for entry in reversed(entries) if entry.what == what), None)


def _number(entries: Sequence[Entry], name: str) -> float | None:
    registered = _newest(entries, "ModelRegistered")
    found = registered.details.get(name) if registered else None
    return found if isinstance(found, float) else None


def _data(facts: Facts, entries: Sequence[Entry]) -> DatasetPart:
    ready, dataset = _newest(entries, "DatasetReady"), facts.dataset
    if dataset is None:
        known = ready.details if ready else {}
        note = facts.findings_note or ("" if ready else "No dataset was believed, so there is none to describe.")
        named = {"id": known.get("dataset_id", "")}
        told = {name: known[name] for name in ("digest", "rows", "report_uri", "warnings") if name in known}
        return DatasetPart.model_validate({**named, **told, "note": note})
    return DatasetPart(
        id=dataset.id,
        digest=dataset.digest,
        kind=dataset.kind,
        rows=dataset.rows,
        train_rows=dataset.train_rows,
        bytes=dataset.bytes,
        files=dataset.files,
        warnings=dataset.warnings,
        report_uri=dataset.report_uri,
        findings=facts.findings[:FILES],
        files_left_out=max(0, len(facts.findings) - FILES),
        note=facts.findings_note,
    )


def _lineage(journey: Journey, facts: Facts, entries: Sequence[Entry], terms: Terms | None) -> tuple[Link, ...]:
    run, arrival, data = journey.run, journey.arrival, _data(facts, entries)
    upload = run.upload if run else arrival.upload if arrival else None
    links = [
        Link(
            noun="Upload", name=f"s3://{upload.bucket}/{upload.key}", digest=upload.version_id, note="version id in S3"
        )
        if upload
        else Link(noun="Upload", note="not known"),
        Link(noun="Dataset", name=data.id, digest=data.digest, note="" if data.id else "not believed yet"),
    ]
    if run is None:
        return tuple(links)
    return (*links, *_planned(run, terms), *_made(run, facts.checkpoint, entries))


def _planned(run: Run, terms: Terms | None) -> tuple[Link, ...]:
    unknown = "" if terms else "not written down by the version that admitted this attempt"
    asked = run.request.get("parameters")
    parameters = ", ".join(f"{name} {value}" for name, value in asked.items()) if isinstance(asked, dict) else ""
    image, _, digest = (terms.image if terms else "").partition("@")
    return (
        Link(noun="Plan", name=run.id, digest=run.identity, note=parameters),
        Link(noun="Image", name=image, digest=digest, note=unknown),
        Link(noun="Recipe", name=run.recipe, digest=terms.recipe_digest if terms else "", note=unknown),
        Link(noun="Base model", name=terms.base_model if terms else "", note=unknown),
    )


def _made(run: Run, held: Checkpoint | None, entries: Sequence[Entry]) -> tuple[Link, ...]:
    told = _newest(entries, "CheckpointVerified")
    details = told.details if told and not held else {}
    uri, digest = (held.uri, held.digest) if held else (str(details.get("uri", "")), str(details.get("digest", "")))
    whole = f"{held.tensors:,} tensors in {held.files:,} files, {held.bytes:,} bytes" if held else ""
    missing = "none was found whole in S3"
    return (
        Link(noun="Checkpoint manifest", name=uri, digest=digest, note=whole if uri else missing),
        Link(noun="Model package", name=run.model_arn or "", note="" if run.model_arn else "none is registered"),
    )
