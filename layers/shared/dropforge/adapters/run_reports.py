"""Writing the report of a run beside its model, when the run is over.

Events come twice and late. So what is there is read first, then the ledger, and the page is written only over what was read: whoever is overtaken
reads again. An older state never replaces a newer one, and the same state writes nothing.
"""

from dropforge.adapters import descriptions, ledger, run_facts, settings, storage
from dropforge.domain.inputs import Written
from dropforge.domain.measures import RunOver
from dropforge.domain.run_reports import build, key
from dropforge.domain.runs import TERMINAL, Run
from dropforge.errors import Unavailable

TRIES = 4
TYPES = {"json": "application/json", "html": "text/html; charset=utf-8"}


def write(over: RunOver) -> Written:
    """Write the report of the attempt that is over, unless another one has followed it. Raises Unavailable when it is overtaken all the time."""
    for _ in range(TRIES):
        run = _over(over)
        if run is None:
            return Written(run_id=over.detail.run_id)
        if _write(run):
            uri = f"s3://{settings.models_bucket()}/{key(run, 'html')}"
            return Written(run_id=run.id, attempt=run.attempt, uri=uri)
    raise Unavailable("AwsBusy", f"The report of `{over.detail.run_id}` was written by somebody else {TRIES} times.")


def _over(over: RunOver) -> Run | None:
    run = ledger.run(over.detail.run_id) if over.detail.run_id else None
    if run is None or run.status not in TERMINAL or over.detail.attempt not in (None, run.attempt):
        return None
    return run


def _write(run: Run) -> bool:
    """Write what has changed, the values first. Returns False when somebody else has written meanwhile."""
    bucket, places = settings.models_bucket(), {"json": key(run, "json"), "html": key(run, "html")}
    before = {form: storage.etag_and_text(bucket, place) for form, place in places.items()}
    journey = descriptions.describe_attempt(run)
    report = build(journey, run_facts.gather(run, journey.timeline), run.ended_at or run.started_at)
    from dropforge import pages  # noqa: PLC0415  the templates' library takes a sixth of the function's start, and one that waits needs no page

    texts = {"json": report.model_dump_json(indent=1), "html": pages.render(report)}
    return all(
        before[form][1] == text or storage.write_newer(bucket, places[form], text, TYPES[form], before[form][0])
        for form, text in texts.items()
    )
