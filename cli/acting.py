"""Commands that act: drop a dataset, cancel a run, try it again."""

from pathlib import Path
from typing import Annotated

import typer
import yaml
from dropforge.client import Client
from dropforge.domain.journeys import Journey
from dropforge.domain.uploads import RunBlock

from cli import looking, show
from cli.output import Json, Reference, console, say


def drop(
    path: Annotated[Path, typer.Argument(exists=True, help="A .jsonl or .jsonl.gz file, or a folder of them.")],
    project: Annotated[str, typer.Option(help="The project that owns the dataset.")],
    dataset: Annotated[str, typer.Option(help="The dataset's name; by default the file's or folder's.")] = "",
    run: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A run request (run.yaml).")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run to its end.")] = False,
    as_json: Json = False,
) -> None:
    """Upload a dataset; the run starts by itself."""
    client, request = Client(), read_request(run)
    with show.upload_bar(console, path, quiet=as_json) as moved:
        dropped = client.drop(path, project, dataset, request, moved)
    if not as_json:
        say(f"dropped s3://{dropped.upload.bucket}/{dropped.upload.key}")
        say(f"  follow it: dropforge status {dropped.execution}")
    if wait:
        looking.finish(client, dropped.execution, as_json=as_json)
    elif as_json:
        console.print_json(dropped.model_dump_json())


def cancel(
    reference: Reference,
    reason: Annotated[str, typer.Option(help="Why; it is kept on the run's timeline.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until nothing of it is left.")] = False,
    as_json: Json = False,
) -> None:
    """Stop a run: its job and pods go, its logs and checkpoints stay."""
    client = Client()
    cancelled = client.cancel(reference, reason)
    name = cancelled.run_id or cancelled.execution
    last = client.wait(cancelled.execution, patience=0) if wait and not cancelled.already_over else None
    if as_json:
        console.print_json(cancelled.model_dump_json() if last is None else last.model_dump_json())
    elif cancelled.already_over:
        say(f"{name} was over already")
    elif last is None:
        say(f"{name} is being cancelled")
        say(f"  see that nothing is left: dropforge status {name}")
    else:
        say(f"{name} {'is cancelled' if _was_cancelled(last) else f'has ended before it was cancelled: {last.status}'}")
    if last is not None and not _was_cancelled(last):
        raise typer.Exit(1)


def _was_cancelled(journey: Journey) -> bool:
    return journey.failure is not None and journey.failure.code == "RunCancelled"


def retry(
    reference: Reference,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the new attempt to its end.")] = False,
    as_json: Json = False,
) -> None:
    """Start the next attempt of a run that failed or was cancelled; it goes on from the newest good checkpoint."""
    client = Client()
    retried = client.retry(reference)
    if not as_json:
        say(f"trying {retried.run_id or reference} again")
        say(f"  follow it: dropforge status {retried.execution}")
    if wait:
        looking.finish(client, retried.execution, as_json=as_json)
    elif as_json:
        console.print_json(retried.model_dump_json())


def read_request(path: Path | None) -> RunBlock:
    """Return a run request as it is written in a file; nothing for no file. Raises typer.BadParameter."""
    if path is None:
        return {}
    try:
        parsed = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} is not YAML: {error}") from error
    if not isinstance(parsed, dict):
        raise typer.BadParameter(f"{path} must hold keys and values.")
    return parsed
