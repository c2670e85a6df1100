"""Recalls: a dataset turned out to be wrong, so no model may be made of it, and nobody may deploy those that were.

A recall is of content, in one project: the same rows under another name, or uploaded again, are recalled too; other rows are not, whatever they
are called. What was changed in the registry is remembered, so that lifting restores that and nothing that somebody has changed since.
"""

from typing import Literal

from pydantic import Field

from dropforge.domain.callers import Asked
from dropforge.domain.values import Sha256, Slug, Value
from dropforge.errors import Conflict

Approval = Literal["Approved", "Rejected", "PendingManualApproval", "Deleted"]
REJECTED: Approval = "Rejected"


class ToRecall(Asked):
    """What a person wants recalled, or a recall lifted: a dataset (`project/dataset[/version]`) or an object (`s3://bucket/key[?versionId=...]`)."""

    subject: str = Field(min_length=1, max_length=1200)
    reason: str = Field(min_length=1, max_length=500)
    lift: bool = False


class Recall(Value):
    """One recall of one content. It stands while `lifted_at` is empty."""

    project: Slug
    content: Sha256
    dataset_id: str
    by: str
    reason: str
    at: str
    lifted_by: str = ""
    lifted_reason: str = ""
    lifted_at: str = ""

    @property
    def stands(self) -> bool:
        """Whether it still forbids."""
        return not self.lifted_at

    def refusal(self) -> Conflict:
        """Return the error for what it forbids."""
        why = f"`{self.dataset_id}` was recalled by {self.by} at {self.at}: {self.reason}"
        return Conflict("DatasetRecalled", why, {"dataset": self.dataset_id, "by": self.by, "reason": self.reason})


class Standing(Value):
    """What the registry says of a package now, as far as a recall touches it; `Deleted` when somebody has deleted it there."""

    approval: Approval
    description: str = ""
    recalled: str = ""


class Mark(Value):
    """What a package was before a recall marked it, and what the recall has said of it. `changed` is false where it was rejected already."""

    arn: str
    run_id: str
    before: Standing
    said: str
    changed: bool


def mark(arn: str, run_id: str, recall: Recall, now: Standing) -> Mark:
    """Return how a package is to be marked."""
    said = f"Recalled by {recall.by}: {' '.join(recall.reason.split())}"[:1024]  # one line: the registry takes no more
    return Mark(arn=arn, run_id=run_id, before=now, said=said, changed=now.approval != REJECTED)


def restores(mark: Mark, now: Standing) -> bool:
    """Whether lifting gives a package its approval back: only where ours is still the last word."""
    return mark.changed and (now.approval, now.description) == (REJECTED, mark.said)


class Touched(Value):
    """A model that a recall, or its end, is about, and its approval after it. `kept`: somebody has decided since, and that stays."""

    arn: str
    run_id: str
    dataset_id: str
    approval: Approval
    kept: bool = False


class Recalled(Value):
    """What was recalled, or (`lifted`) is no longer: the versions of datasets, every model made of them, and the runs that still learn from them."""

    subject: str
    lifted: bool
    datasets: tuple[str, ...]
    models: tuple[Touched, ...]
    running: tuple[str, ...] = ()
