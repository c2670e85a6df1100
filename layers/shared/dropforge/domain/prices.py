"""What an hour of an instance costs, from a dated table.

Only prices that somebody has read at their source may stand here: an instance type without a price is refused, not guessed.
"""

from dropforge.errors import InvalidInput, QuotaExceeded

AS_OF = "2026-11-25"
REGION = "us-east-1"  # of AWS; the embedded cluster, which costs nothing, is there as well
LEAST_MINUTES = 1  # what a job holds its nodes for at least: its pods must start and stop
USD_PER_HOUR: dict[str, float] = {
    "local.cpu": 0.0,  # the embedded cluster: your own machine
    "local.small": 0.0,
}


def ceiling_usd(instance_type: str, nodes: int, hours: float) -> float:
    """Return the most that `nodes` instances can cost for `hours`, in US dollars. Raises InvalidInput (PriceUnknown)."""
    if instance_type not in USD_PER_HOUR:
        raise InvalidInput("PriceUnknown", f"`{instance_type}` is not in the price table of {AS_OF}.")
    return USD_PER_HOUR[instance_type] * nodes * hours


def check_budget(price_usd: float, budget_usd: float | None) -> None:
    """Raise QuotaExceeded when a run could cost more than its budget."""
    if budget_usd is not None and price_usd > budget_usd:
        why = f"The run can cost up to ${price_usd:,.2f}, the budget is ${budget_usd:,.2f}."
        raise QuotaExceeded("BudgetTooSmall", why, {"price_usd": price_usd, "max_usd": budget_usd})
