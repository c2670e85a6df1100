"""Approvals: asked for, decided once, and carried out to the end, whoever dies on the way.

RUN#<run id>         APPROVAL            the request for a yes or no, and what came of it
RUN#<run id>         TOKEN               the task token of the state that waits for it
APPROVAL             <run id>            requests that are open, or decided and not yet carried out

The decision is one conditional write; all that follows from it can be done again. The sweep does so for what is left half done, and lets expire what
nobody has decided in time (lapses.py). What is said in the registry itself comes in by hearing.py.
"""

import hashlib
import json

from dropforge.adapters import (
    clock,
    contents,
    ledger,
    machine,
    parameters,
    recalls,
    registry,
    settings,
    storage,
    table,
    timeline,
)
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
from dropforge.domain.callers import principal
from dropforge.domain.events import ApprovalDecided, ApprovalRequested
from dropforge.domain.models import Model
from dropforge.domain.passports import key_of
from dropforge.domain.recalls import REJECTED, Recall, mark
from dropforge.domain.runs import Run
from dropforge.domain.values import Value
from dropforge.errors import NotFound

NAME = "approval.json"


class Token(Value):
    """Who waits for a decision."""

    token: str


class Open(Value):
    """A request of which something is left to do, with all that it takes to do it. `automatic`: the run asks for no decision by people."""

    run_id: str
    model: Model
    automatic: bool
    at: str


def ask(run: Run, model: Model, token: str, *, automatic: bool) -> Approval:
    """Ask for a yes or no to a registered model; `token` is answered with the model once there is one. Asked again, it is the same request.

    `automatic`: the run asks that the project's policy decides.
    """
    table.put(f"RUN#{run.id}", "TOKEN", Token(token=token))
    wanted = Open(run_id=run.id, model=model, automatic=automatic, at=clock.stamp())
    table.put("APPROVAL", run.id, wanted)
    return go_on(wanted, run)


def go_on(wanted: Open, run: Run) -> Approval:
    """Do what is left of a request, however often and by whom it was begun. While its content is recalled, no policy says yes."""
    approval = of_run(run.id) or _request(run, wanted)
    if approval.status != "pending":
        return carry_out(approval)
    allowed = wanted.automatic and parameters.project(run.project).automatic_approval
    if allowed and recalls.of_run(run) is None:
        reason = f"the run asks for automatic approval, and the project `{run.project}` allows it"
        return decide_once(approval, "approved", POLICY, reason)
    if approval.automatic:  # it would have been decided at once
        approval = approval.model_copy(update={"automatic": False})
        _write(approval)
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


def _request(run: Run, wanted: Open) -> Approval:
    now = clock.now()
    made = Approval(
        run_id=run.id,
        attempt=run.attempt,
        project=run.project,
        dataset=run.dataset,
        model=wanted.model,
        shown=look(wanted.model).digest,
        automatic=wanted.automatic,
        asked_at=clock.stamp(),
        expires_at=expiry(now),
    )
    if table.put(f"RUN#{run.id}", "APPROVAL", made, {"status": "pending"}, ABSENT):
        return made
    return of_run(run.id) or made


def left_open() -> list[Open]:
    """Return the requests of which something is left to do."""
    return list(table.query("APPROVAL", "", Open))


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
    renewed = approval.model_copy(update={"shown": there, "asked_at": clock.stamp()})
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
        if (now.status, principal(now.decided_by)) != (status, principal(by)):
            raise over(now)
    return carry_out(of_run(approval.run_id) or approval)


def carry_out(approval: Approval) -> Approval:
    """Do what follows from a decision: the registry, the record beside the passport, the news, the state that waits.

    A no that stands in the registry is stronger than a yes that was not written there yet.
    """
    arn = approval.model.arn
    if approval.status == "approved" and _rejected_there(approval):
        return take_back(approval, registry.changed_by(arn))
    registry.decide(approval)
    recall = _recall(approval)
    if approval.status == "approved" and recall is not None:
        forbid(approval, recall)
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
    now = of_run(approval.run_id)
    if now is not None and now.status != approval.status:
        return carry_out(now)  # somebody has decided otherwise meanwhile: the last word is the row's
    table.delete("APPROVAL", approval.run_id)
    return approval


def _rejected_there(approval: Approval) -> bool:
    """Whether somebody has said no in the registry; a recall's no is lifted with it."""
    now = registry.standing(approval.model.arn)
    return now.approval == REJECTED and not now.recalled and _recall(approval) is None


def _recall(approval: Approval) -> Recall | None:
    run = ledger.run(approval.run_id)
    return recalls.of_run(run) if run is not None else None


def forbid(approval: Approval, recall: Recall) -> None:
    """Reject a package that stands as approved although its content is recalled, in the recall's words: lifting gives back what the ledger says."""
    model = contents.by_arn(approval.model.arn)
    if model is not None and registry.standing(model.arn).approval == registry.WORDS["approved"]:
        kept = contents.record_mark(model, mark(model.arn, model.run_id, recall, registry.before(approval)))
        registry.reject(model.arn, kept.said if kept.changed else kept.before.description)


def give_back(run_id: str, arn: str) -> None:
    """Let the registry say of a package what the ledger says, once a recall is lifted: it may have been decided while that stood."""
    approval = of_run(run_id)
    if approval is None or approval.model.arn != arn or approval.status == "pending":
        return
    if registry.standing(arn).approval != registry.WORDS[approval.status]:
        registry.decide(approval)


def take_back(approval: Approval, by: str) -> Approval:
    """Take a no that was said in the registry: whoever may write there may reject. One that was approved is recorded as rejected from now on."""
    if approval.status == "pending":
        return decide_once(approval, "rejected", by, "rejected in the registry")
    rejected = approval.decided("rejected", by, "rejected in the registry after it was approved", clock.stamp())
    table.put(f"RUN#{approval.run_id}", "APPROVAL", rejected, {"status": "rejected"})
    return carry_out(rejected)
