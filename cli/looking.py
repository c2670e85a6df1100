"""Commands that look: where a run is, why, and what its jobs have said."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from dropforge.client import Client
from dropforge.client.deployment import SECONDS_TO_START
from dropforge.domain.journeys import Journey
from dropforge.domain.rosters import State
from dropforge.domain.runs import Run
from rich.console import Console

from cli import live, show
from cli.output import Json, Reference, console, errors, period, say


def status(
    reference: Reference,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    as_json: Json = False,
) -> None:
    """Say where a run is and what it has made."""
    if wait:
        finish(Client(), reference, as_json=as_json, patience=0)
        return
    journey = Client().describe(reference)
    if as_json:
        console.print_json(journey.model_dump_json())
    else:
        console.print(live.picture(journey, plain=live.ascii_only(console)))
        _print_end(journey)
    _exit(journey)


def runs(
    project: Annotated[str, typer.Option(help="One project; by default all of yours.")] = "",
    dataset: Annotated[str, typer.Option(help="One dataset.")] = "",
    state: Annotated[State | None, typer.Option(help="One state.")] = None,
    since: Annotated[timedelta | None, typer.Option(parser=period, metavar="30min|12h|7d", help="Not older.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """List runs, and uploads that never became one, the newest first."""
    now = datetime.now(UTC)
    after = now - since if since is not None else None
    found = Client().runs(project, dataset, state or "", after, limit)
    if as_json:
        console.print_json(data=[line.model_dump(mode="json") for line in found])
    elif found:
        console.print(show.roster(found, now))
    else:
        errors.print(
            "no runs yet, or none that fit; drop a dataset: dropforge drop PATH --project NAME",
            highlight=False,
            soft_wrap=True,
        )


def explain(reference: Reference, as_json: Json = False) -> None:
    """Say why a run is where it is, whose move it is and what to do."""
    found = Client().explain(reference)
    if as_json:
        console.print_json(found.model_dump_json())
    else:
        show.print_explanation(console, found, datetime.now(UTC))


def logs(
    reference: Reference,
    step: Annotated[str, typer.Option(help="One step only, e.g. train.")] = "",
    attempt: Annotated[int, typer.Option(help="An earlier attempt; by default the newest.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run is over.")] = False,
    as_json: Json = False,
) -> None:
    """Print the logs of a run's jobs, in the order in which they ran; of the job that runs now, its newest lines."""
    if follow:
        _follow_logs(reference, step, as_json=as_json)
        return
    found = Client().logs(reference, step, attempt)
    if as_json:
        console.print_json(data=[log.model_dump(mode="json") for log in found])
    for log in () if as_json else found:
        say(f"== {log.step} ({log.uri or 'runs now; newest lines'})")
        say("\n".join(log.lines))
    if not found:
        errors.print(f"no logs of {reference} yet", highlight=False, soft_wrap=True, markup=False)
        raise typer.Exit(1)


def _follow_logs(reference: str, step: str, *, as_json: bool) -> None:
    """Print lines as they come; as JSON, one object a line."""
    last = ""
    with show.may_be_left(reference):
        for part in Client().tail(reference):
            if step in ("", part.step):
                if as_json:
                    print(part.model_dump_json(), flush=True)
                else:
                    show.print_part(console, part, last)
                last = part.step


def finish(client: Client, reference: str, *, as_json: bool, patience: float = SECONDS_TO_START) -> None:
    """Show a journey until it is over, say how it ended, and exit with 1 when it did not end well."""
    quiet = Console(file=sys.stderr, quiet=True) if as_json else console
    with show.may_be_left(reference):
        journey = live.follow(quiet, client.follow(reference, patience))
    if as_json:
        console.print_json(journey.model_dump_json())
    else:
        _print_end(journey)
    _exit(journey)


def _print_end(journey: Journey) -> None:
    if journey.failure is not None:
        show.print_failure(console, journey.failure)
    elif journey.result is not None and journey.result.get("joined"):
        _print_joined(journey.result)
    elif journey.status == "SUCCEEDED" and journey.result is not None:
        for key in ("arn", "uri", "kind", "base_model", "loss_before", "loss_after", "approval"):
            value = journey.result.get(key)
            if value not in (None, ""):
                say(f"  {key + ':':12} {f'{value:.4f}' if isinstance(value, float) else value}")


def _print_joined(admission: dict[str, object]) -> None:
    run = Run.model_validate(admission["run"])
    say(
        f"  joined run {run.id} ({run.status}): the same content was dropped before, so nothing was trained for this drop"
    )
    if run.status == "running":
        say(f"  follow it: dropforge status {run.id} --wait")
    if run.model_arn:
        say(f"  {'arn:':12} {run.model_arn}")


def _exit(journey: Journey) -> None:
    if journey.failure is not None or journey.status in ("FAILED", "TIMED_OUT", "ABORTED"):
        raise typer.Exit(1)
