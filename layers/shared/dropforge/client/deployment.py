"""What can be done with a deployment from outside: upload, ask, order."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import boto3

from dropforge import naming
from dropforge.client import orders, run_reports, tails, uploads, wishes
from dropforge.client.addresses import Addresses
from dropforge.client.refusals import Refused
from dropforge.client.shelves import Shelf
from dropforge.client.tails import Part
from dropforge.domain import explanations
from dropforge.domain.approvals import Approval
from dropforge.domain.datasets import execution_name
from dropforge.domain.explanations import Explanation
from dropforge.domain.inputs import Cancelled, Retried
from dropforge.domain.journeys import OVER, Journey
from dropforge.domain.previews import Preview
from dropforge.domain.recalls import Recalled
from dropforge.domain.rosters import MOST, Line, Roster
from dropforge.domain.run_reports import RunReport
from dropforge.domain.runs import OPEN
from dropforge.domain.traces import ModelLine, Models, Trace
from dropforge.domain.uploads import PREFIX, RunBlock, Upload, locate
from dropforge.domain.values import Value, stamped
from dropforge.errors import InvalidInput

logger = logging.getLogger(__name__)

SECONDS_OF_HASTE = 60  # of following: every look reads an execution's history, which many may want to do at once
SECONDS_OF_BUSY = 600  # how long a deployment that answers nothing but that it is busy is asked again
SECONDS_TO_START = 60  # how long a drop may be unknown: the event of an upload takes seconds, sometimes more


class Log(Value):
    """The log of one job; `uri` is empty while it runs."""

    step: str
    uri: str
    lines: list[str]


class Dropped(Value):
    """An upload and the name of the execution that it starts."""

    upload: Upload
    execution: str


class Client:
    """A deployment. A reference below is a run id, an upload id or an execution name. Every method raises Refused for a no."""

    def __init__(self, environment: str | None = None, session: boto3.Session | None = None) -> None:
        self._addresses = Addresses(environment, session)

    def drop(
        self,
        path: str | Path,
        project: str,
        dataset: str = "",
        run: RunBlock | None = None,
        moved: uploads.Moved = lambda _: None,
    ) -> Dropped:
        """Upload a .jsonl or .jsonl.gz file, or a folder of them, as a dataset; the run starts by itself. `moved` hears how many bytes have gone."""
        source = Path(path)
        name = dataset or dataset_name(source)
        check_names(source, project, name)
        upload = uploads.upload(self._addresses, source, (project, name), run or {}, moved)
        return Dropped(upload=upload, execution=execution_name(project, name, upload))

    def plan(self, dataset: str | Path, project: str = "", name: str = "", run: RunBlock | None = None) -> Preview:
        """Return what a run would do, cost and wait for; nothing is made, whatever the answer.

        `dataset` is a file or folder here (then `project` says whose it would be, and `name` how it would be called), the S3 URI of an upload, or
        `project/dataset`.
        """
        if wishes.is_local(str(dataset)):
            path = Path(dataset)
            place = project, name or dataset_name(path)
            check_names(path, *place)
            wish = wishes.of_files(path, place, self._addresses.range_bytes)
        else:
            wish = wishes.of_upload(str(dataset), self._addresses)
        return orders.send(self._addresses, "preview_run", {**wish, "run": run or {}}, Preview)

    def describe(self, reference: str) -> Journey:
        """Return where a run is."""
        return orders.send(self._addresses, "describe_run", {"run": reference}, Journey)

    def runs(
        self,
        project: str = "",
        dataset: str = "",
        state: str = "",
        since: datetime | None = None,
        limit: int = 20,
    ) -> list[Line]:
        """Return runs, and uploads that are none, of one project or of all of yours, the newest first; at most `limit`."""
        asked: dict[str, str | int] = {"project": project, "dataset": dataset, "state": state}
        asked["since"] = stamped(since) if since else ""
        found: list[Line] = []
        before = ""
        while len(found) < limit:
            wanted = {**asked, "before": before, "limit": min(MOST, limit - len(found))}
            roster = orders.send(self._addresses, "list_runs", wanted, Roster)
            found += roster.lines
            before = roster.before
            if not before:
                break
        return found

    def similar(self, reference: str) -> list[str]:
        """Return the ids of the newest runs of yours that look most like a reference that nobody knows; at most three."""
        known = [line.id for line in self.runs(limit=MOST)]
        return [*dict.fromkeys(get_close_matches(reference, known, n=3, cutoff=0.7))]

    def explain(self, reference: str) -> Explanation:
        """Return why a run is where it is, whose move it is and what to do."""
        return explanations.explain(self.describe(reference), datetime.now(UTC))

    def follow(self, reference: str, patience: float = SECONDS_TO_START, pace: float = 0.5) -> Iterator[Journey]:
        """Yield a journey's states until it is over, one each `pace` seconds, and after a minute a tenth as often.

        A drop that nobody has heard of yet is waited for, for `patience` seconds. A deployment that is busy is asked again for ten minutes, and a
        warning is logged. Raises Refused.
        """
        begun = heard = time.monotonic()
        told = False
        while True:
            try:
                journey = self.describe(reference)
            except Refused as refused:
                if not _worth_asking_again(refused, begun + patience, heard):
                    raise
                if not told and refused.failure.code == "AwsBusy":
                    logger.warning("The deployment is busy, and is asked again: %s", refused.failure.why)
                    told = True
            else:
                heard, told = time.monotonic(), False
                yield journey
                if journey.status in OVER and not _still_writing(journey):
                    return
            time.sleep(pace if time.monotonic() < begun + SECONDS_OF_HASTE else pace * 10)

    def wait(self, reference: str, patience: float = SECONDS_TO_START, pace: float = 2) -> Journey:
        """Return a journey once it is over."""
        *_, last = self.follow(reference, patience, pace)
        return last

    def cancel(self, reference: str, reason: str = "") -> Cancelled:
        """Cancel a run, or an upload that is not one yet."""
        return orders.send(self._addresses, "cancel_run", {"run": reference, "reason": reason}, Cancelled)

    def retry(self, reference: str) -> Retried:
        """Start the next attempt of a run."""
        return orders.send(self._addresses, "retry_run", {"run": reference}, Retried)

    def models(self, project: str = "", dataset: str = "", limit: int = 20) -> list[ModelLine]:
        """Return the registered models of one project or of all of yours, the newest first; at most `limit`."""
        found: list[ModelLine] = []
        before = ""
        while len(found) < limit:
            wanted = {"project": project, "dataset": dataset, "before": before, "limit": min(MOST, limit - len(found))}
            models = orders.send(self._addresses, "list_models", wanted, Models)
            found += models.lines
            before = models.before
            if not before:
                break
        return found

    def lineage(self, model: str) -> Trace:
        """Return what a model came from: its passport, found whole. A model is named by its ARN, its `group/version` or the run that made it."""
        return orders.send(self._addresses, "trace_model", {"model": model}, Trace)

    def descendants(self, of: str) -> Trace:
        """Return which models came of a dataset (`project/dataset[/version]`), an object (`s3://...[?versionId=...]`) or a run."""
        return orders.send(self._addresses, "trace_model", {"of": of}, Trace)

    def approve(self, reference: str, shown: str, reason: str = "", *, reject: bool = False) -> Approval:
        """Approve a run's model, or reject it. `shown` is the digest of what you have seen (`describe(...).approval.shown`); a no needs none."""
        wish = {"run": reference, "shown": shown, "reason": reason, "word": "rejected" if reject else "approved"}
        return orders.send(self._addresses, "approve_model", wish, Approval)

    def recall(self, subject: str, reason: str, *, lift: bool = False) -> Recalled:
        """Forbid models of a dataset or an object, and reject those that are there; or `lift` that."""
        wish = {"subject": subject, "reason": reason, "lift": lift}
        return orders.send(self._addresses, "recall_dataset", wish, Recalled)

    def logs(self, reference: str, step: str = "", attempt: int = 0) -> list[Log]:
        """Return the logs of a run's attempt (the newest for 0), oldest job first, all steps for an empty `step`."""
        journey = self.describe(reference)
        run, progress = journey.run, journey.progress
        if run is None:
            return []
        shelf = Shelf(self._addresses)
        kept = shelf.steps(run, attempt or run.attempt)
        found = [Log(step=name, uri=uri, lines=shelf.lines(uri)) for name, uri in kept.items() if step in ("", name)]
        here = progress is not None and attempt in (0, run.attempt) and not progress.is_copy
        if progress is not None and here and progress.step not in kept:
            found.append(Log(step=progress.step, uri="", lines=list(progress.tail)))
        return [log for log in found if step in ("", log.step)]

    def tail(self, reference: str, pace: float = 2) -> Iterator[Part]:
        """Yield what the jobs of a run's newest attempt say until it is over. A running job's lines come once a minute, when the watcher looks."""
        return tails.follow(self.follow(reference, 0, pace), Shelf(self._addresses))

    def report(self, reference: str, attempt: int = 0) -> RunReport:
        """Return the report of a run's attempt (the newest for 0); of a run that goes on, as it is now. `dropforge.pages.render` makes the page."""
        journey = self.describe(reference)
        if journey.run is not None and journey.own_run is None:
            journey = self.describe(journey.run.id)
        return run_reports.read(self._addresses, journey, attempt)


def check_names(path: Path, project: str, dataset: str) -> None:
    """Refuse before the upload what the deployment would refuse after it. Raises Refused."""
    try:
        if path.is_file() and not path.name.endswith(uploads.SUFFIXES):
            raise InvalidInput("WrongKeyLayout", f"{path.name} is not a .jsonl or .jsonl.gz file.")
        locate(f"{PREFIX}{project}/{dataset}/train.jsonl")
    except InvalidInput as problem:
        raise Refused(problem.failure) from problem


def dataset_name(path: Path) -> str:
    """Return a dataset's name: the file's or folder's own, or the folder's of a file that is only called train."""
    stem = path.resolve().name.partition(".")[0]
    return naming.slug(path.resolve().parent.name if stem == "train" else stem, 30)


def _worth_asking_again(refused: Refused, unknown_until: float, heard: float) -> bool:
    """Whether a refusal may pass by itself. `heard` is when the deployment last answered, as `time.monotonic()` says it."""
    now = time.monotonic()
    if refused.failure.code == "AwsBusy":
        return now < heard + SECONDS_OF_BUSY
    return refused.failure.code == "RunNotFound" and now < unknown_until


def _still_writing(journey: Journey) -> bool:
    """An execution that did not succeed is reported a moment after it has ended, and a cancelled one when nothing of it is left."""
    if journey.status == "SUCCEEDED":
        return False
    run, arrival = journey.own_run, journey.own_arrival
    return (run is not None and run.status == "running") or (arrival is not None and arrival.status in OPEN)
