"""Commands that need no deployment: what can be known of a dataset before anything is uploaded."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from dropforge.client import Refused
from dropforge.client.uploads import files_of
from dropforge.domain import rows
from dropforge.domain.blocks import gunzip
from dropforge.domain.datasets import Kind, role_of
from dropforge.domain.duplicates import Duplicates
from dropforge.domain.readings import one_kind
from dropforge.domain.reports import Report, Role
from dropforge.errors import InvalidInput

from cli import show
from cli.output import Json, console


def check(
    path: Annotated[Path, typer.Argument(exists=True, help="A .jsonl or .jsonl.gz file, or a folder of them.")],
    kind: Annotated[Kind | None, typer.Option(help="What the rows must be.")] = None,
    as_json: Json = False,
) -> None:
    """Check a dataset as an upload of it would be checked; exit with 1 when it would be rejected."""
    reports = _read(path)
    refusal = _refusal(reports, kind)
    accepted = refusal == ""
    if as_json:
        files = [report.model_dump(mode="json") for report in reports]
        console.print_json(data={"accepted": accepted, "why": refusal, "files": files})
    else:
        show.print_reports(console, reports)
        show.print_verdict(console, reports, refusal)
    if not accepted:
        raise typer.Exit(1)


def _read(path: Path) -> list[Report]:
    files = _files(path)
    seen = Duplicates.of_bytes(sum(file.stat().st_size for file in files.values()))
    reports = [rows.check(_blocks(file), name, _role(path, name), seen) for name, file in files.items()]
    if seen.needs_second_pass and all(report.accepted for report in reports):
        pairs = zip(files.values(), reports, strict=True)
        reports = [rows.check_again(_blocks(file), report, seen) for file, report in pairs]
    return reports


def _files(path: Path) -> dict[str, Path]:
    try:
        return files_of(path)
    except Refused as refused:
        raise typer.BadParameter(refused.failure.why) from refused


def _role(path: Path, name: str) -> Role:
    if path.is_file():
        return "train"
    try:
        return role_of(name)
    except InvalidInput as problem:
        raise Refused(problem.failure) from problem


def _blocks(path: Path) -> Iterator[bytes]:
    return gunzip(_plain(path)) if path.name.endswith(".gz") else _plain(path)


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(rows.BLOCK):
            yield block


def _refusal(reports: Sequence[Report], kind: Kind | None) -> str:
    """Say why a dataset would be rejected; empty when it would not."""
    faults = sum(sum(report.counts.values()) for report in reports)
    if faults:
        return f"{faults:,} fault{'' if faults == 1 else 's'}: no training could use these rows."
    if not any(report.role == "train" for report in reports):
        return "There is nothing to train on: no file whose name starts with `train`."
    try:
        found = one_kind(reports)
    except InvalidInput as problem:
        return problem.failure.why
    return f"The rows are {found}, not {kind}." if kind and kind != found else ""
