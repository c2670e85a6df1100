"""Commands that need no deployment: what can be known of a dataset before anything is uploaded."""

from pathlib import Path
from typing import Annotated

import typer
from dropforge.client import Refused, drafts
from dropforge.client.uploads import files_of
from dropforge.domain.datasets import Kind
from dropforge.domain.reports import Report

from cli import show
from cli.output import Json, console


def check(
    path: Annotated[Path, typer.Argument(exists=True, help="A .jsonl or .jsonl.gz file, or a folder of them.")],
    kind: Annotated[Kind | None, typer.Option(help="What the rows must be.")] = None,
    as_json: Json = False,
) -> None:
    """Check a dataset as an upload of it would be checked; exit with 1 when it would be rejected."""
    reports = _read(path)
    refusal = drafts.refusal(reports, kind)
    accepted = refusal == ""
    if as_json:
        console.print_json(drafts.Checked(accepted=accepted, why=refusal, files=tuple(reports)).model_dump_json())
    else:
        show.print_reports(console, reports)
        show.print_verdict(console, reports, refusal)
    if not accepted:
        raise typer.Exit(1)


def _read(path: Path) -> list[Report]:
    try:
        files_of(path)
    except Refused as refused:
        raise typer.BadParameter(refused.failure.why) from refused
    return drafts.read(path)
