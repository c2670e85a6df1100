"""Approvals that nobody has decided in time, and decisions that were not carried out to the end."""

from datetime import datetime

from dropforge.adapters import approvals, clock
from dropforge.adapters.each import each
from dropforge.adapters.reconcile import settled
from dropforge.domain.approvals import Approval


def mend() -> int:
    """Let expire what is overdue, carry out what was left half done, and return how many."""
    return sum(each(approvals.left_open(), _mend))


def _mend(approval: Approval) -> int:
    if approval.status == "pending":
        if clock.now() < datetime.fromisoformat(approval.expires_at):
            return 0
        approvals.decide_once(approval, "expired", "sweep", f"nobody has decided until {approval.expires_at}")
    elif settled(datetime.fromisoformat(approval.decided_at)):
        approvals.carry_out(approval)
    else:
        return 0
    return 1
