"""What an hour of a cluster's instances costs, from the dated table in the cluster's record.

Prices differ by Region, contract and way of buying, and change: whoever pays for a cluster says what it costs. An instance type without a price
is refused, not guessed.
"""

from pydantic import Field, NonNegativeFloat

from dropforge.domain.values import Value
from dropforge.errors import InvalidInput, QuotaExceeded

LEAST_MINUTES = 1  # what a job holds its nodes for at least: its pods must start and stop


class Prices(Value):
    """US dollars for an hour of one instance, by instance type, and the day on which somebody read them (such as 2026-11-25)."""

    as_of: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")
    usd_per_hour: dict[str, NonNegativeFloat]

    def of_hour(self, instance_type: str) -> float:
        """Return what an instance costs for an hour. Raises InvalidInput (PriceUnknown)."""
        if instance_type not in self.usd_per_hour:
            why = f"`{instance_type}` is not in the cluster's prices of {self.as_of}."
            raise InvalidInput("PriceUnknown", why, {"priced": sorted(self.usd_per_hour)})
        return self.usd_per_hour[instance_type]


def check_budget(price_usd: float, budget_usd: float | None) -> None:
    """Raise QuotaExceeded when a run could cost more than its budget."""
    if budget_usd is not None and price_usd > budget_usd:
        why = f"The run can cost up to ${price_usd:,.2f}, the budget is ${budget_usd:,.2f}."
        raise QuotaExceeded("BudgetTooSmall", why, {"price_usd": price_usd, "max_usd": budget_usd})
