"""Models as a table."""

from collections.abc import Sequence
from datetime import datetime

from dropforge.domain.traces import ModelLine
from rich.table import Table
from rich.text import Text

from cli.show import age

STYLES = {"Approved": "green", "Rejected": "red", "Deleted": "dim"}
WORDS = {"PendingManualApproval": "pending"}


def table(lines: Sequence[ModelLine], now: datetime) -> Table:
    """Return models as a table that fits 80 columns; the run gives way first."""
    found = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    found.add_column("model", no_wrap=True, min_width=20)
    found.add_column("approval", no_wrap=True)
    found.add_column("age", no_wrap=True, justify="right")
    found.add_column("loss", no_wrap=True)
    found.add_column("run", no_wrap=True, overflow="ellipsis", ratio=1)
    for line in lines:
        approval = Text(WORDS.get(line.approval, line.approval), STYLES.get(line.approval, "cyan"))
        if line.recalled:
            approval = Text("recalled", "bold red")
        name = line.arn.rpartition("model-package/")[2]
        found.add_row(Text(name), approval, age(line.at, now, 1), _loss(line), Text(line.run_id, "dim"))
    return found


def _loss(line: ModelLine) -> str:
    if line.loss_after is None:
        return ""
    before = f"{line.loss_before:.2f} to " if line.loss_before is not None else ""
    return f"{before}{line.loss_after:.2f}"
