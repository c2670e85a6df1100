"""Run the benchmarks: `python -m benchmarks [NAME ...]`; ends with 1 when a bound is not kept."""

import json
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import checkpoint, dataset, journey, manifest, startup, watcher
from benchmarks.measure import Figure

ALL: dict[str, Callable[[int, int], list[Figure]]] = {
    "startup": startup.run,
    "dataset": dataset.run,
    "checkpoint": checkpoint.run,
    "manifest": manifest.run,
    "watcher": watcher.run,
    "journey": journey.run,
}


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(ALL)}; all when none is given.")] = None,
    size: Annotated[int, typer.Option(help="How much a benchmark works on: rows, megabytes, jobs.")] = 10_000,
    rounds: Annotated[int, typer.Option(help="How often each side takes its turn.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Measure, and say whether every bound is kept."""
    found: dict[str, list[Figure]] = {}
    for name in names or ALL:
        found[name] = ALL[name](size, rounds)
        if not as_json:
            _show(name, found[name])
    if as_json:
        typer.echo(
            json.dumps({name: [{**f._asdict(), "kept": f.kept} for f in figures] for name, figures in found.items()})
        )
    raise typer.Exit(not all(figure.kept for figures in found.values() for figure in figures))


def _show(name: str, figures: list[Figure]) -> None:
    """Print what was found at once: the next one may take minutes, or fail."""
    table = Table("figure", "value", "at most", "", title=name, title_justify="left", title_style="bold")
    for figure in figures:
        most = "" if figure.most is None else f"{figure.most:g} {figure.unit}"
        mark = "" if figure.most is None else "kept" if figure.kept else "[red]missed[/red]"
        table.add_row(figure.what, f"{figure.value:.3g} {figure.unit}", most, mark)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
