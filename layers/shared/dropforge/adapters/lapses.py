"""Approvals that nobody has decided in time, and those of which something was left half done."""

from datetime import datetime

from dropforge.adapters import approvals, clock, ledger
from dropforge.adapters.approvals import Open
from dropforge.adapters.each import each
from dropforge.adapters.reconcile import settled
from dropforge.domain.approvals import Approval
from dropforge.errors import Conflict


def mend() -> int:
    """Let expire what is overdue, do what was left half done, and return how many."""
    return sum(each(approvals.left_open(), _mend))


def _mend(left: Open) -> int:
    approval = approvals.of_run(left.run_id)
    if approval is not None and approval.waits_for_people:
        return _expire(approval)
    touched = left.at if approval is None else approval.decided_at or approval.asked_at
    run = ledger.run(left.run_id)
    if run is None or not settled(datetime.fromisoformat(touched)):
        return 0
    approvals.go_on(left, run)
    return 1


def _expire(approval: Approval) -> int:
    if clock.now() < datetime.fromisoformat(approval.expires_at):
        return 0
    try:
        approvals.decide_once(approval, "expired", "sweep", f"nobody has decided until {approval.expires_at}")
    except Conflict:  # somebody has, at this moment
        return 0
    return 1
