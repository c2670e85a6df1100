"""Decisions that somebody has made in the registry itself, in Studio for example: they take the same road as any other, or are set right."""

from dropforge.adapters import approvals, contents, ledger, recalls, registry
from dropforge.domain.approvals import Approval, ToDecide
from dropforge.domain.runs import Run
from dropforge.errors import Conflict, InvalidInput, NotFound


def hear(arn: str) -> Approval | None:
    """Take what the registry says of a package now, as the word of whoever changed it last. None when it is no news, or not our package."""
    model = contents.by_arn(arn)
    run, approval = (ledger.run(model.run_id), approvals.of_run(model.run_id)) if model is not None else (None, None)
    if run is None or approval is None or approval.model.arn != arn:
        return None
    now, recall = registry.standing(arn), recalls.of_run(run)
    if recall is not None:
        approvals.forbid(approval, recall)
        return approval if now.approval == registry.WORDS["approved"] else None
    if now.recalled or now.approval in ("PendingManualApproval", "Deleted", registry.WORDS[approval.status]):
        return None  # while a recall is being lifted, what it took comes back by itself
    by = registry.changed_by(arn)
    return approvals.take_back(approval, by) if now.approval == "Rejected" else _take(run, approval, by)


def _take(run: Run, approval: Approval, by: str) -> Approval:
    """Let a yes in the registry go the same road as any other, or set it right. What was seen there is what was asked for, if it is there still."""
    reason = "approved in the registry"
    try:
        wish = ToDecide(run=run.id, caller=by, reason=reason, word="approved", shown=approval.shown)
        decided = approvals.decide(run, wish)
    except (Conflict, InvalidInput, NotFound) as refusal:
        now = approvals.of_run(run.id) or approval
        registry.set_right(now, f"{by} may not approve it: {refusal.failure.why}")
        return now
    return decided
