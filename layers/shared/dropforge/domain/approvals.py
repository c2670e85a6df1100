"""Approvals: who may say yes to a model, to what exactly, and until when.

What is approved is what was shown: the passport, the package as it would be deployed, and the files as they lie in S3, under one digest. Whoever
decides says which digest they have seen; another one there now makes the approval void before it is given.
"""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from dropforge.domain.callers import Order, principal
from dropforge.domain.clusters import Project
from dropforge.domain.models import Model
from dropforge.domain.values import Sha256, Slug, Value, digest, stamped
from dropforge.errors import Conflict, InvalidInput

Status = Literal["pending", "approved", "rejected", "expired"]
Word = Literal["approved", "rejected"]
OPEN_DAYS = 14
POLICY = "policy"  # who says yes where the project lets runs ask for automatic approval
OURS = (
    "recalled",
)  # properties of a package that we write after it was registered: they are no part of what is approved


class Shown(Value):
    """What an approver is shown of a model, as digests and as the registry has it. Its own digest is what an approval binds to."""

    arn: str
    passport: str
    source: str
    containers: list[dict[str, object]]
    properties: dict[str, str]
    card: str
    files: Sha256

    @property
    def digest(self) -> str:
        """The digest of all of it, 64 hex."""
        return digest(self.model_dump(mode="json"))


class Approval(Value):
    """A request for a yes or no to a run's model, and what came of it. `shown` is the digest of what was shown when it was made.

    An `automatic` one is decided at once, by the project's policy.
    """

    run_id: str
    attempt: int
    project: Slug
    dataset: Slug
    model: Model
    shown: Sha256
    status: Status = "pending"
    automatic: bool = False
    asked_at: str
    expires_at: str
    decided_by: str = ""
    decided_at: str = ""
    reason: str = ""

    def decided(self, status: Status, by: str, reason: str, at: str) -> "Approval":
        """Return it with a decision."""
        return self.model_copy(update={"status": status, "decided_by": by, "reason": reason, "decided_at": at})

    @property
    def waits_for_people(self) -> bool:
        """Whether somebody must decide, however long that takes."""
        return self.status == "pending" and not self.automatic

    @property
    def outcome(self) -> Model:
        """The model with what was decided of it."""
        return self.model.model_copy(update={"approval": self.status, "approved_by": self.decided_by})


class ToDecide(Order):
    """A person's yes or no. `shown` is the digest that they have seen; a no needs none."""

    word: Word = "approved"
    shown: str = Field(default="", max_length=64)


def expiry(now: datetime) -> str:
    """Return until when a request that is made now is open (RFC 3339)."""
    return stamped(now + timedelta(days=OPEN_DAYS))


def require_approver(project: Project, caller: str) -> None:
    """Raise InvalidInput (NotAnApprover, OwnRun) unless the caller may decide on models of a project.

    S3 does not say who has dropped what, so every member of a project may be who did: a member decides only where the project says so.
    """
    who = principal(caller)
    if who not in {principal(one) for one in project.approvers}:
        known = ", ".join(project.approvers) or "nobody yet"
        why = f"`{who}` does not approve models of `{project.name}`; who does: {known}."
        raise InvalidInput("NotAnApprover", why, {"caller": who, "approvers": list(project.approvers)})
    if who in {principal(one) for one in project.members} and not project.self_approval:
        why = f"`{who}` is a member of `{project.name}`, so this may be their own run."
        raise InvalidInput("OwnRun", why, {"caller": who, "project": project.name})


def require_seen(approval: Approval, seen: str, there: str) -> None:
    """Raise Conflict (ApprovalVoid) unless what a person has seen is what was asked for and what is there now."""
    if seen == approval.shown == there:
        return
    moved = "has changed since approval was asked for" if there != approval.shown else "is not what you were shown"
    why = f"The model of `{approval.run_id}` {moved}: {approval.shown[:12]} was asked for, {there[:12]} is there, you saw {seen[:12] or 'nothing'}."
    raise Conflict("ApprovalVoid", why, {"asked": approval.shown, "there": there, "seen": seen})


def over(approval: Approval) -> Conflict:
    """Return the error for what was decided before."""
    how = f"by {approval.decided_by} at {approval.decided_at}: {approval.reason or 'no reason given'}"
    return Conflict(
        "ApprovalOver", f"The model of `{approval.run_id}` was {approval.status} {how}.", {"status": approval.status}
    )
