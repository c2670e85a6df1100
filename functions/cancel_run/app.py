"""Cancel a run, or an upload that is not one yet, for a member of its project."""

from dropforge.action import action
from dropforge.adapters import cancellations, parameters, references
from dropforge.domain.callers import Order, require_member
from dropforge.domain.inputs import Cancelled


@action
def handler(order: Order) -> Cancelled:
    newest = references.require(order.run).newest
    require_member(parameters.project(newest.project), order.caller)
    return cancellations.cancel(newest, order)
