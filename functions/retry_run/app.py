"""Start the next attempt of a run, or of an upload that ended before it was one, for a member of its project."""

from dropforge.action import action
from dropforge.adapters import parameters, references, retries
from dropforge.domain.callers import Order, require_member
from dropforge.domain.inputs import Retried


@action
def handler(order: Order) -> Retried:
    meant = references.require(order.run)
    require_member(parameters.project(meant.newest.project), order.caller)
    return retries.retry(meant)
