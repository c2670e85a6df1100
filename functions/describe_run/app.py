"""Describe a run for a member of its project: where it is, why, and what it has made. It reads; it never writes."""

from dropforge.action import action
from dropforge.adapters import descriptions, references
from dropforge.domain.callers import Order
from dropforge.domain.journeys import Journey


@action
def handler(order: Order) -> Journey:
    return descriptions.describe(order.run, references.find_seen(order))
