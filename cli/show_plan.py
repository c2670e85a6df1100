"""A preview as people see it: what would be done, what would be reused, whether it fits, what it costs and what that assumes."""

from dropforge.domain.fits import Fit
from dropforge.domain.previews import Preview, Price, Reuse
from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {"now": "green", "later": "yellow", "never": "red", "unknown": "yellow"}


def print_preview(console: Console, found: Preview) -> None:
    """Say everything, the most important last: that is where the eye is."""
    where = "uploaded" if found.uploaded else "not uploaded"
    console.print(Text(f"run {found.run_id} of {found.dataset_id}", "bold"), soft_wrap=True)
    _line(console, "dataset", f"{found.rows:,} rows, {where}")
    _line(console, "recipe", f"{found.recipe} on {found.base_model}, {found.nodes} x {found.instance_type}")
    _line(console, "place", f"team {found.team}, cluster {found.cluster}, priority {found.priority}")
    _line(console, "image", found.image)
    _line(console, "manifests", f"sha256 {found.manifests_sha256}")
    console.print(_steps(found))
    _print_reuse(console, found.reuse)
    _print_fit(console, found.fit)
    _print_price(console, found.price)


def _line(console: Console, name: str, text: str) -> None:
    head = f"{name}:" if name else ""
    console.print(f"  {head:12} {text}", highlight=False, soft_wrap=True, markup=False)


def _steps(found: Preview) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for name in ("step", "nodes", "cpu", "memory", "gpus", "deadline", "admitted"):
        table.add_column(name)
    for one in found.steps:
        step, asked = one.step, one.step.resources
        runs = found.reuse.answer != "reused"
        answer = Text(one.fit.answer, STYLES[one.fit.answer]) if runs else Text("-", "dim")
        deadline = f"{step.deadline_seconds // 60} min"
        table.add_row(step.name, step.instance_type, asked.cpu, asked.memory, str(asked.accelerators), deadline, answer)
    return table


def _print_reuse(console: Console, reuse: Reuse) -> None:
    _line(console, "reuse", f"{reuse.answer}: {reuse.why}")
    for one in reuse.differences:
        _line(console, "", f"{one.field}: {one.before} -> {one.now}")


def _print_fit(console: Console, fit: Fit) -> None:
    head = Text.assemble("  fit:         ", (fit.answer, STYLES[fit.answer]), f": {fit.why}")
    console.print(head, soft_wrap=True)
    for words in fit.borrowed:
        _line(console, "", f"borrowed: {words}")
    for holder in fit.holders:
        _line(console, "", f"{holder.kind} {holder.name} holds {holder.amount} of {holder.resource} on {holder.flavor}")


def _print_price(console: Console, price: Price) -> None:
    _line(console, "price", f"${price.least_usd:,.2f} to ${price.most_usd:,.2f}")
    for words in price.assumes:
        _line(console, "", words)
