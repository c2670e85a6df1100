"""Approvals: asked for, decided once, and carried out to the end, whoever dies on the way.

RUN#<run id>         APPROVAL            the request for a yes or no, and what came of it
RUN#<run id>         TOKEN               the task token of the state that waits for it
APPROVAL             <run id>            requests that are open, or decided and not yet carried out

The decision is one conditional write; all that follows from it can be done again. The sweep does so for what is left half done, and lets expire what
nobody has decided in time (lapses.py).
"""

import hashlib
import json

from dropforge.adapters import clock, ledger, machine, parameters, recalls, registry, settings, storage, table, timeline
from dropforge.adapters.table import ABSENT, Condition
from dropforge.domain.approvals import (
    POLICY,
    Approval,
    Shown,
    Status,
    ToDecide,
    expiry,
    over,
    require_approver,
    require_seen,
)
from dropforge.domain.events import ApprovalDecided, ApprovalRequested
from dropforge.domain.models import Model
from dropforge.domain.passports import key_of
from dropforge.domain.plans import Plan
from dropforge.domain.recalls import Recall
from dropforge.domain.runs import Run
from dropforge.domain.values import Value
from dropforge.errors import Conflict, InvalidInput, NotFound

NAME = "approval.json"


class Token(Value):
    """Who waits for a decision."""

    token: str


class Open(Value):
    """A request of which something is left to do."""

    run_id: str


def ask(plan: Plan, run: Run, model: Model, token: str) -> Approval:
    """Ask for a yes or no to a registered model; `token` is answered with the model once there is one. Asked again, it is the same request."""
    table.put(f"RUN#{run.id}", "TOKEN", Token(token=token))
    table.put("APPROVAL", run.id, Open(run_id=run.id))
    wanted = plan.request.promotion.approval == "automatic"
    automatic = wanted and parameters.project(run.project).automatic_approval
    approval = _request(run, model, automatic=automatic)
    if approval.status != "pending":
        return carry_out(approval)
    if automatic:
        reason = f"the run asks for automatic approval, and the project `{run.project}` allows it"
        return decide_once(approval, "approved", POLICY, reason)
    _tell_asked(approval)
    return approval


def _tell_asked(approval: Approval) -> None:
    told = ApprovalRequested(
        project=approval.project,
        run_id=approval.run_id,
        model_arn=approval.model.arn,
        shown=approval.shown,
        expires_at=approval.expires_at,
    )
    timeline.tell_of_run(approval.run_id, told)


def _request(run: Run, model: Model, *, automatic: bool) -> Approval:
    now = clock.now()
    wanted = Approval(
        run_id=run.id,
        attempt=run.attempt,
        project=run.project,
        dataset=run.dataset,
        model=model,
        shown=look(model).digest,
        automatic=automatic,
        asked_at=clock.stamp(),
        expires_at=expiry(now),
    )
    table.put(f"RUN#{run.id}", "APPROVAL", wanted, {"status": "pending"}, ABSENT)
    return of_run(run.id) or wanted


def left_open() -> list[Approval]:
    """Return the requests of which something is left to do."""
    found = (of_run(left.run_id) for left in table.query("APPROVAL", "", Open))
    return [approval for approval in found if approval is not None]


def of_run(run_id: str) -> Approval | None:
    """Return the request for a run's model, decided or not; None when none was made."""
    return table.get(f"RUN#{run_id}", "APPROVAL", Approval)


def look(model: Model) -> Shown:
    """Return what there is to approve, as it is now. Raises NotFound (ModelUnknown) when somebody has deleted the package."""
    bucket, _, prefix = model.uri.removeprefix("s3://").partition("/")
    files = sorted((path, found.tag) for path, found in storage.objects(bucket, prefix).items())
    return registry.shown(model.arn, hashlib.sha256(json.dumps(files).encode()).hexdigest())


def decide(run: Run, wish: ToDecide) -> Approval:
    """Carry out a person's yes or no.

    Raises NotFound (NothingToApprove), InvalidInput (NotAnApprover, OwnRun), Conflict (ApprovalVoid, ApprovalOver, DatasetRecalled).
    """
    approval = of_run(run.id)
    require_approver(parameters.project(run.project), wish.caller)
    if approval is None:
        raise NotFound("NothingToApprove", f"Run `{run.id}` has no model that waits for approval.", {"run": run.id})
    if wish.word == "approved":
        _require_approvable(run, approval, wish.shown)
    return decide_once(approval, wish.word, wish.caller, wish.reason)


def _require_approvable(run: Run, approval: Approval, seen: str) -> None:
    recall = recalls.of_run(run)
    if recall is not None:
        raise recall.refusal()
    if approval.status != "pending":
        return
    there = look(approval.model).digest
    if there != approval.shown:
        _ask_anew(approval, there)
    require_seen(approval, seen, there)


def _ask_anew(approval: Approval, there: str) -> None:
    """What was asked for is not there any more, so the request is for what is, and is told again."""
    renewed = approval.model_copy(update={"shown": there, "asked_at": clock.stamp(), "expires_at": expiry(clock.now())})
    if _write(renewed):
        _tell_asked(renewed)


def _write(approval: Approval) -> bool:
    """Write a request that nobody has decided yet."""
    undecided = Condition("#status = :open", {"open": "pending"}, {"#status": "status"})
    return table.put(f"RUN#{approval.run_id}", "APPROVAL", approval, {"status": approval.status}, undecided)


def decide_once(approval: Approval, status: Status, by: str, reason: str) -> Approval:
    """Write a decision, once, and carry it out. The same decision by the same person again is carried out again."""
    if not _write(approval.decided(status, by, reason, clock.stamp())):
        now = of_run(approval.run_id) or approval
        if (now.status, now.decided_by) != (status, by):
            raise over(now)
    return carry_out(of_run(approval.run_id) or approval)


def carry_out(approval: Approval) -> Approval:
    """Do what follows from a decision: the registry, the record beside the passport, the news, the state that waits."""
    registry.decide(approval)
    key = key_of(approval.project, approval.run_id, approval.attempt, NAME)
    storage.write_json(settings.models_bucket(), key, approval.model_dump(mode="json"))
    told = ApprovalDecided(
        project=approval.project,
        run_id=approval.run_id,
        model_arn=approval.model.arn,
        status=approval.status,
        by=approval.decided_by,
        reason=approval.reason,
        shown=approval.shown,
    )
    timeline.tell_of_run(approval.run_id, told, approval.decided_by, approval.reason)
    waiting = table.get(f"RUN#{approval.run_id}", "TOKEN", Token)
    if waiting is not None:
        machine.succeed(waiting.token, approval.outcome.model_dump_json())
    table.delete("APPROVAL", approval.run_id)
    return approval


def hear(arn: str, run_id: str) -> Approval | None:
    """Take a decision that was made in the registry itself, by whoever it says. What may not stand there is set right; None when nothing was news."""
    run, approval = ledger.run(run_id), of_run(run_id)
    if run is None or approval is None or approval.model.arn != arn:
        return None
    word, recall = registry.word_of(arn), recalls.of_run(run)
    if recall is not None:
        return _forbid(approval, recall) if word == "approved" else None
    if word is None or registry.WORDS[approval.status] == registry.WORDS[word]:
        return None
    by = registry.changed_by(arn)
    return _take_back(approval, by) if word == "rejected" else _take(run, approval, by)


def _forbid(approval: Approval, recall: Recall) -> Approval:
    registry.reject(approval.model.arn, recall.refusal().failure.why)
    return approval


def _take(run: Run, approval: Approval, by: str) -> Approval:
    """Let a yes in the registry go the same road as any other, or set it right. What was seen there is what was asked for, if it is there still."""
    reason = "approved in the registry"
    try:
        wish = ToDecide(run=run.id, caller=by, reason=reason, word="approved", shown=approval.shown)
        decided = decide(run, wish)
    except (Conflict, InvalidInput, NotFound) as refusal:
        registry.set_right(of_run(run.id) or approval, f"{by} may not approve it: {refusal.failure.why}")
        return approval
    return decided


def _take_back(approval: Approval, by: str) -> Approval:
    """Anybody who may write in the registry may reject: that is the safe side. One that was approved is recorded as rejected now."""
    if approval.status == "pending":
        return decide_once(approval, "rejected", by, "rejected in the registry")
    rejected = approval.decided("rejected", by, "rejected in the registry after it was approved", clock.stamp())
    table.put(f"RUN#{approval.run_id}", "APPROVAL", rejected, {"status": "rejected"})
    return carry_out(rejected)
