"""Approve a run's model, or reject it, for an approver of its project."""

from dropforge.action import action
from dropforge.adapters import approvals, references
from dropforge.domain.approvals import Approval, ToDecide
from dropforge.errors import NotFound


@action
def handler(wish: ToDecide) -> Approval:
    run = references.require(wish.run).run
    if run is None:
        raise NotFound("NothingToApprove", f"`{wish.run}` has no model yet.", {"run": wish.run})
    return approvals.decide(run, wish)
