"""`dropforge verify`: what a checkpoint is and whether it is whole, on this machine or in S3, with the user's own rights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from dropforge.client import checkpoints
from dropforge.domain.checkpoint_shapes.contents import Opened
from dropforge.domain.checkpoint_shapes.refusals import shown
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBars

from cli.output import Json, console, errors, say

MANY_FILES = 8  # of fewer, a bar would be gone before it is read
UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def verify(
    place: Annotated[
        str,
        typer.Argument(metavar="PATH_OR_S3_URI", help="The checkpoint's folder, or one above it.", show_default=False),
    ],
    as_json: Json = False,
) -> None:
    """Say what a checkpoint is and whether it is whole; exit with 1 when it is not."""
    if not place.startswith("s3://") and not Path(place).is_dir():
        raise typer.BadParameter(
            f"{shown(place)} is no folder. Name one, or an s3:// URI.", param_hint="PATH_OR_S3_URI"
        )
    try:
        with _bar(errors, quiet=as_json) as told:
            opened = checkpoints.verify(place, told)
    except ValueError as error:
        raise typer.BadParameter(shown(error), param_hint="PATH_OR_S3_URI") from error
    if as_json:
        console.print_json(opened.model_dump_json())
    else:
        _print(opened)


@contextmanager
def _bar(where: Console, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how many files of weights are checked, on a terminal and where there are many."""
    if quiet or not where.is_terminal:
        yield lambda _done, _all: None
        return
    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TextColumn("files"), TimeRemainingColumn())
    with ProgressBars(*columns, console=where, transient=True) as bars:
        task = bars.add_task("checking", visible=False, total=1)
        yield lambda done, total: bars.update(task, completed=done, total=total, visible=total >= MANY_FILES)


def _print(opened: Opened) -> None:
    say(f"whole: {opened.means}{f', in {opened.path}' if opened.path else ''}")
    dtypes = ", ".join(f"{amount(count)} {dtype}" for dtype, count in opened.dtypes.items())
    lines = {
        "tensors": f"{opened.tensors:,}",
        "parameters": f"{opened.parameters:,} ({dtypes})",
        "bytes": f"{opened.bytes:,} in {opened.files:,} file{'' if opened.files == 1 else 's'}",
        "base model": opened.base_model,
        "step": "" if opened.step is None else f"{opened.step:,}",
    }
    for name, text in lines.items():
        if text:
            say(f"  {name + ':':12} {text}")
    for remark in opened.remarks:
        say(f"  {'note:':12} {remark}")
    for over in opened.passed_over:
        say(f"  {'passed over:':12} {over.path}: `{over.file}`: {over.why}")


def amount(number: int) -> str:
    """Return a large number in the unit that suits it."""
    for size, unit in UNITS:
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
