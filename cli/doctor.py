"""`dropforge doctor`: what a deployment needs and has."""

import typer
from dropforge.client.doctor import Finding, examine
from rich.text import Text

from cli.output import Json, console

MARKS = {
    "ok": ("ok", "green"),
    "look": ("look", "yellow"),
    "missing": ("missing", "bold red"),
    "unknown": ("unknown", "yellow"),
}


def doctor(as_json: Json = False) -> None:
    """Say what a deployment needs and has, changing nothing; exit with 1 when something is missing."""
    found = []
    for finding in examine():
        found.append(finding)
        if not as_json:
            _print(finding)
    missing = sum(finding.verdict == "missing" for finding in found)
    if as_json:
        console.print_json(data=[finding.model_dump(mode="json") for finding in found])
    else:
        counted = [f"{sum(f.verdict == verdict for f in found)} {verdict}" for verdict in MARKS]
        console.print(Text(", ".join(counted), "bold red" if missing else "bold green"))
    if missing:
        raise typer.Exit(1)


def _print(finding: Finding) -> None:
    mark, style = MARKS[finding.verdict]
    console.print(Text.assemble((f"{mark:8}", style), (finding.what, "bold"), f": {finding.said}"), soft_wrap=True)
    if finding.next:
        console.print(f"{'':8}{finding.next}", highlight=False, soft_wrap=True, markup=False)
