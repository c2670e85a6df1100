"""The report of a run as people get it: the one that was written when it ended, or, until there is one, what describe_run knows now."""

from datetime import UTC, datetime

from botocore.exceptions import ClientError
from pydantic import ValidationError

from dropforge.client.addresses import Addresses
from dropforge.client.refusals import Refused
from dropforge.domain.curves import draw
from dropforge.domain.failures import failure
from dropforge.domain.journeys import Journey
from dropforge.domain.run_reports import Facts, RunReport, build, key
from dropforge.domain.runs import TERMINAL, Run

_MISSING = "404", "NoSuchKey"
_REFUSED = "403", "AccessDenied"  # also what S3 says of a missing object to whoever may not list the bucket
PARTIAL = "What only the report at the end of a run tells is missing here: the losses from the log, the dataset's findings, the checkpoint's files."


def read(addresses: Addresses, journey: Journey, attempt: int) -> RunReport:
    """Return the report of a journey's run, of its newest attempt for 0. Raises Refused for an earlier attempt that has none."""
    run = journey.run
    if run is not None and attempt not in (0, run.attempt):
        earlier = _kept(addresses, run.model_copy(update={"attempt": attempt}))
        if earlier is None:
            raise Refused(failure("RunNotFound", f"There is no report of attempt {attempt} of run {run.id}."))
        return earlier
    kept = _kept(addresses, run) if run is not None and run.status in TERMINAL else None
    return kept or _current(journey)


def _kept(addresses: Addresses, run: Run) -> RunReport | None:
    bucket, place = addresses.models_bucket, key(run, "json")
    try:
        body = addresses.s3.get_object(Bucket=bucket, Key=place)["Body"].read()
    except ClientError as error:
        if str(error.response.get("Error", {}).get("Code", "")) in (*_MISSING, *_REFUSED):
            return None
        raise
    try:
        return RunReport.model_validate_json(body)
    except ValidationError as error:
        why = (
            f"s3://{bucket}/{place} was written by another version of Dropforge; its page is {key(run, 'html')} there."
        )
        raise Refused(failure("Unexpected", why)) from error


def _current(journey: Journey) -> RunReport:
    progress, run = journey.progress, journey.own_run
    losses = progress.losses if progress is not None and run is not None else ()
    curve = draw(progress.step if progress else "", list(enumerate(losses, 1)), "line")
    facts = Facts(curve=curve, curve_note=PARTIAL, findings_note=PARTIAL if run else "")
    return build(journey, facts, datetime.now(UTC).isoformat(timespec="seconds"))
