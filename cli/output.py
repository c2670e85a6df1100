"""Where the command prints: what was asked for on standard output, everything else on standard error."""

import typing

import typer
from rich.console import Console

console = Console()
errors = Console(stderr=True)

Reference = typing.Annotated[str, typer.Argument(help="A run id, an upload id or the name that `drop` printed.")]
Json = typing.Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def say(text: str) -> None:
    """Print a line as it is: no markup, no wrapping, nothing highlighted."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)
