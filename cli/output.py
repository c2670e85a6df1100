"""Where the command prints: what was asked for on standard output, everything else on standard error."""

import re
import typing
from datetime import timedelta

import typer
from rich.console import Console

console = Console()
errors = Console(stderr=True)

Reference = typing.Annotated[str, typer.Argument(help="A run id, an upload id or the name that `drop` printed.")]
Json = typing.Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def period(text: str) -> timedelta:
    """Return how long `30min`, `12h`, `7d` is. Raises typer.BadParameter."""
    found = re.fullmatch(r"(\d{1,5})(min|h|d)", text)
    if found is None:
        raise typer.BadParameter(f"`{text}` is not a number of minutes, hours or days, as in 30min, 12h, 7d.")
    return int(found[1]) * {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[found[2]]


def say(text: str) -> None:
    """Print a line as it is: no markup, no wrapping, nothing highlighted."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)
