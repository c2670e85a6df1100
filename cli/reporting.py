"""The command that writes a run down for somebody else: one page in one file."""

from pathlib import Path
from typing import Annotated

import typer
from dropforge.client import Client

from cli.output import Json, Reference, console, say


def report(
    reference: Reference,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="The file; by default RUN.html here.")] = None,
    show_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    attempt: Annotated[int, typer.Option(help="An earlier attempt; by default the newest.")] = 0,
    as_json: Json = False,
) -> None:
    """Write a run as one HTML page: its journey, loss, dataset, lineage, price and timeline."""
    from dropforge.pages import render  # noqa: PLC0415  slow to import

    found = Client().report(reference, attempt)
    if as_json:
        console.print_json(found.model_dump_json())
        return
    path = out or Path(f"{Path(found.name).name}.html")
    try:
        path.write_text(render(found), encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}") from error
    say(f"wrote {path}: {found.summary.where}")
    if show_it:
        typer.launch(path.resolve().as_uri())
