"""The `dropforge` command."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml
from dropforge import naming
from dropforge.domain import explanations
from dropforge.domain.journeys import Journey
from dropforge.domain.runs import OPEN, Run
from dropforge.domain.uploads import PREFIX, RunBlock, locate
from dropforge.errors import InvalidInput
from rich.console import Console

from cli import actions, deployment, show
from cli.local import local

app = typer.Typer(
    no_args_is_help=True, help="Drop a dataset in S3, get a registered model.", pretty_exceptions_enable=False
)
app.add_typer(local, name="local", help="The embedded cloud: no AWS account, no Docker.")
console = Console()
errors = Console(stderr=True)

Reference = Annotated[str, typer.Argument(help="A run id, an upload id or the name that `drop` printed.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command()
def drop(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .jsonl or .jsonl.gz file.")],
    project: Annotated[str, typer.Option(help="The project that owns the dataset.")],
    dataset: Annotated[str, typer.Option(help="The dataset's name; by default the file's folder or name.")] = "",
    run: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A run request (run.yaml).")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run to its end.")] = False,
    as_json: Json = False,
) -> None:
    """Upload a dataset; the run starts by itself."""
    name = dataset or _dataset_name(path)
    _check_names(path, project, name)
    upload, execution = deployment.drop(path, project, name, _request(run))
    if not as_json:
        console.print(f"dropped s3://{upload.bucket}/{upload.key}", highlight=False, soft_wrap=True)
        console.print(f"  follow it: dropforge status {execution}", highlight=False, soft_wrap=True)
    if wait:
        _finish(execution, as_json=as_json)
    elif as_json:
        console.print_json(data={"upload": upload.model_dump(), "execution": execution})


@app.command()
def status(
    reference: Reference,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    as_json: Json = False,
) -> None:
    """Say where a run is, why, and what it has made."""
    if wait:
        _finish(reference, as_json=as_json, patience=0)
        return
    journey = deployment.describe(reference)
    if as_json:
        console.print_json(journey.model_dump_json())
    else:
        console.print(show.picture(journey, plain=show.ascii_only(console)))
        _print_end(journey)
    _exit(journey)


@app.command()
def explain(reference: Reference, as_json: Json = False) -> None:
    """Say where a run is, why, whose move it is and what to do, and what that was read from."""
    found = explanations.explain(deployment.describe(reference), datetime.now(UTC))
    if as_json:
        console.print_json(found.model_dump_json())
    else:
        show.print_explanation(console, found, datetime.now(UTC))


@app.command()
def cancel(
    reference: Reference,
    reason: Annotated[str, typer.Option(help="Why; it is kept on the run's timeline.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until nothing of it is left.")] = False,
    as_json: Json = False,
) -> None:
    """Stop a run: its job and pods go, its logs and checkpoints stay."""
    cancelled = actions.cancel(reference, reason)
    if wait and not cancelled.already_over:
        _wait_until_ended(cancelled.execution)
    if as_json:
        console.print_json(cancelled.model_dump_json())
        return
    name = cancelled.run_id or cancelled.execution
    said = "was over already" if cancelled.already_over else "is cancelled" if wait else "is being cancelled"
    console.print(f"{name} {said}", highlight=False, soft_wrap=True)
    if not wait and not cancelled.already_over:
        console.print(f"  see that nothing is left: dropforge status {name}", highlight=False, soft_wrap=True)


@app.command()
def retry(
    reference: Reference,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the new attempt to its end.")] = False,
    as_json: Json = False,
) -> None:
    """Start the next attempt of a run that failed or was cancelled; it goes on from the newest good checkpoint."""
    retried = actions.retry(reference)
    if not as_json:
        console.print(f"trying {retried.run_id or reference} again", highlight=False, soft_wrap=True)
        console.print(f"  follow it: dropforge status {retried.execution}", highlight=False, soft_wrap=True)
    if wait:
        _finish(retried.execution, as_json=as_json)
    elif as_json:
        console.print_json(retried.model_dump_json())


@app.command()
def logs(
    reference: Reference,
    step: Annotated[str, typer.Option(help="One step only, e.g. train.")] = "",
    attempt: Annotated[int, typer.Option(help="An earlier attempt; by default the newest.")] = 0,
    as_json: Json = False,
) -> None:
    """Print the logs of a run's jobs, in the order in which they ran; of the job that runs now, its newest lines."""
    found = deployment.logs(reference, step, attempt)
    if as_json:
        console.print_json(data=[log._asdict() for log in found])
    for log in () if as_json else found:
        console.print(f"== {log.step} ({log.uri or 'runs now; newest lines'})", highlight=False, soft_wrap=True)
        console.print("\n".join(log.lines), highlight=False, soft_wrap=True, markup=False)
    if not found:
        errors.print(f"no logs of {reference} yet", highlight=False, soft_wrap=True)
        raise typer.Exit(1)


def _wait_until_ended(execution: str) -> None:
    for _ in _until_over(execution, patience=0):
        pass


def _finish(reference: str, *, as_json: bool, patience: float = 60) -> None:
    quiet = Console(file=sys.stderr, quiet=True) if as_json else console
    journey = show.follow(quiet, _until_over(reference, patience))
    if as_json:
        console.print_json(journey.model_dump_json())
    else:
        _print_end(journey)
    _exit(journey)


def _until_over(reference: str, patience: float, pace: float = 0.5) -> Iterator[Journey]:
    """Yield a journey's states until it is over; a drop that nobody has heard of yet is waited for."""
    end = time.monotonic() + patience
    while True:
        try:
            journey = deployment.describe(reference)
        except deployment.RefusedError as refused:
            if refused.failure.code != "RunNotFound" or time.monotonic() > end:
                raise
        else:
            yield journey
            if journey.status in show.OVER and not _still_writing(journey):
                return
        time.sleep(pace)


def _still_writing(journey: Journey) -> bool:
    """An execution that did not succeed is reported a moment after it has ended, and a cancelled one when nothing of it is left."""
    if journey.status == "SUCCEEDED":
        return False
    run, arrival = journey.run, journey.arrival
    held = run is not None and run.execution == journey.execution and run.status == "running"
    open_ = arrival is not None and arrival.execution == journey.execution and arrival.status in OPEN
    return held or open_


def _print_end(journey: Journey) -> None:
    if journey.failure is not None:
        show.print_failure(console, journey.failure)
    elif journey.result is not None and journey.result.get("joined"):
        _print_joined(journey.result)
    elif journey.status == "SUCCEEDED" and journey.result is not None:
        for key in ("arn", "uri", "kind", "base_model", "loss_before", "loss_after"):
            value = journey.result.get(key)
            if value not in (None, ""):
                shown = f"{value:.4f}" if isinstance(value, float) else value
                console.print(f"  {key + ':':12} {shown}", highlight=False, soft_wrap=True)


def _print_joined(admission: dict[str, object]) -> None:
    run = Run.model_validate(admission["run"])
    said = f"  joined run {run.id} ({run.status}): the same content was dropped before, so nothing was trained for this drop"
    console.print(said, highlight=False, soft_wrap=True)
    if run.status == "running":
        console.print(f"  follow it: dropforge status {run.id} --wait", highlight=False, soft_wrap=True)
    if run.model_arn:
        console.print(f"  {'arn:':12} {run.model_arn}", highlight=False, soft_wrap=True)


def _exit(journey: Journey) -> None:
    if journey.failure is not None or journey.status in ("FAILED", "TIMED_OUT", "ABORTED"):
        raise typer.Exit(1)


def _check_names(path: Path, project: str, dataset: str) -> None:
    """Refuse before the upload what the deployment would refuse after it."""
    if not path.name.endswith((".jsonl", ".jsonl.gz")):
        raise typer.BadParameter(f"{path.name} is not a .jsonl or .jsonl.gz file.")
    try:
        locate(f"{PREFIX}{project}/{dataset}/train.jsonl")
    except InvalidInput as problem:
        raise deployment.RefusedError(problem.failure) from problem


def _dataset_name(path: Path) -> str:
    """Return a dataset's name: the file's own, or its folder's when it is only called train."""
    stem = path.name.partition(".")[0]
    source = path.resolve().parent.name if stem == "train" else stem
    return naming.slug(source, 30)


def _request(path: Path | None) -> RunBlock:
    if path is None:
        return {}
    try:
        parsed = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise typer.BadParameter(f"{path} is not YAML: {error}") from error
    if not isinstance(parsed, dict):
        raise typer.BadParameter(f"{path} must hold keys and values.")
    return parsed


def main() -> None:
    """Run the command; a mistake of the user's ends in its own words, never in a stack trace."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  slow to import

    try:
        app()
    except deployment.RefusedError as refused:
        if "--json" in sys.argv:
            console.print_json(refused.failure.model_dump_json())
        show.print_failure(errors, refused.failure)
        sys.exit(1)
    except (BotoCoreError, ClientError) as error:
        errors.print(f"AWS: {error}", highlight=False, soft_wrap=True)
        advice = "check AWS_ENDPOINT_URL (is `dropforge local up` running?), the region, the credentials and DROPFORGE_ENVIRONMENT"
        errors.print(f"  what to do:  {advice}", highlight=False, soft_wrap=True)
        sys.exit(1)
