"""Runs, their attempts, and what a run is waiting for.

An attempt's terminal status never goes back; the ledger's conditions enforce it, these functions decide it.
"""

from typing import Literal

from pydantic import Field

from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.clusters import WaitKind
from dropforge.domain.failures import Failure, failure
from dropforge.domain.file_systems import FileSystemTask
from dropforge.domain.recipes import Stuck
from dropforge.domain.uploads import RunBlock, Upload
from dropforge.domain.values import Sha256, Slug, Value

Status = Literal["running", "succeeded", "failed", "cancelled"]
CANCELLED = "RunCancelled"
COPIES = ("import", "export")  # what a file system does for a run, named beside its jobs' steps
TERMINAL: tuple[Status, ...] = ("succeeded", "failed", "cancelled")


class Cancellation(Value):
    """Somebody wants the run to stop: written before anything is stopped, so that the wish survives whatever happens next."""

    by: str
    reason: str
    at: str

    def failure(self) -> Failure:
        """Return what is told of a run that ends because of it."""
        why = f"{self.by} cancelled it{f': {self.reason}' if self.reason else '.'}"
        return failure(CANCELLED, why, {"by": self.by, "reason": self.reason})


class Run(Value):
    """One attempt to turn a dataset into a model, as the ledger holds it. `request` is whole: no later default can change it.

    `ingredients` is what the identity was made of; empty in rows from before it was kept.
    """

    id: str
    identity: Sha256
    project: Slug
    dataset: Slug
    dataset_id: str
    team: Slug
    cluster: Slug
    attempt: int
    status: Status
    execution: str
    upload: Upload
    recipe: Slug
    price_usd: float
    started_at: str
    ended_at: str | None = None
    model_arn: str | None = None
    failure: Failure | None = None
    request: RunBlock = Field(default_factory=dict)
    ingredients: dict[str, object] = Field(default_factory=dict)
    cancellation: Cancellation | None = None

    @property
    def label(self) -> str:
        """What people call it: the run and its attempt."""
        return f"run {self.id}, attempt {self.attempt}"


class Admission(Value):
    """The answer of AdmitRun: this execution's attempt, or the run that it joins.

    `checkpoint` is what an earlier attempt has brought to S3 and is whole there: then there is nothing left to train.
    """

    run: Run
    joined: bool
    checkpoint: Checkpoint | None = None


class Lease(Value):
    """Written before anything that costs money exists: who, for what, until when, at what price at most."""

    run_id: str
    attempt: int
    owner: str
    purpose: str
    expires_at: str
    price_usd: float
    cluster: Slug


class Wait(Value):
    """Something a run waits for outside AWS Lambda: a job on a cluster or a task of a file system.

    `token` is the task token of the state that waits; it is replaced when the state is entered again. `task` is what the file system is asked
    to do when its turn comes; `reference` is the task's id once it was started.
    """

    cluster: Slug
    name: str
    kind: WaitKind
    run_id: str
    attempt: int
    step: str
    project: Slug
    team: Slug
    token: str
    asked_at: str = ""
    task: FileSystemTask | None = None
    reference: str = ""
    begun_at: str = ""
    progress: str = ""
    deadline_seconds: int = 0
    stuck: Stuck = Stuck()
    phase: Literal["new", "queued", "running"] = "new"
    reason: str = ""
    done: int | None = None
    missing_since: str | None = None


class Progress(Value):
    """What is known of the job that runs now, written by the watcher alone; or of a copy by the file system, while that waits for its turn."""

    step: str
    job: str
    phase: Literal["new", "queued", "running", "done"]
    reason: str = ""
    at: str = ""
    done: int | None = None
    total: int | None = None
    loss: float | None = None
    rate: float | None = None
    losses: tuple[float, ...] = Field(default=(), max_length=60)
    tail: tuple[str, ...] = Field(default=(), max_length=20)

    @property
    def is_copy(self) -> bool:
        """Whether it is no job, so that it has no log."""
        return self.step in COPIES


class Trouble(Value):
    """Why the newest look at a cluster failed, and since when looks have failed."""

    since: str
    failure: Failure


Decision = Literal["claim", "again", "retry", "join", "collision"]


def decide(existing: Run | None, identity: str, execution: str) -> Decision:
    """Decide what an execution does when it wants the run `identity`, given what the ledger holds.

    claim: nobody has it. again: this execution already does. retry: it failed or was cancelled, so this is the next attempt.
    join: it runs elsewhere or has its model. collision: another run has the same short id.
    """
    if existing is None:
        return "claim"
    if existing.identity != identity:
        return "collision"
    if existing.execution == execution and existing.status == "running":
        return "again"
    return "retry" if existing.status in ("failed", "cancelled") and existing.execution != execution else "join"


ArrivalStatus = Literal[
    "received", "checking", "ready", "rejected", "failed", "cancelled", "running", "joined", "succeeded"
]
OPEN: tuple[ArrivalStatus, ...] = ("received", "checking", "ready")  # not yet a run, and not over
OVER: tuple[ArrivalStatus, ...] = ("rejected", "failed", "cancelled", "succeeded")


class Arrival(Value):
    """What became of an upload. No event binds it a second time; `retry` alone binds it to the next execution (`number` counts them).

    `cancellation` is somebody's wish that this execution stops, written before anything is stopped.
    """

    upload: Upload
    project: str
    dataset: str
    execution: str
    status: ArrivalStatus
    at: str
    number: int = 1
    run: RunBlock = Field(default_factory=dict)
    run_id: str | None = None
    failure: Failure | None = None
    cancellation: Cancellation | None = None

    def retries(self, run: Run) -> bool:
        """Whether this execution is a retry of a run that is over, on its way to be admitted: from then on the run's row says what it does."""
        return run.status in ("failed", "cancelled") and self.execution != run.execution and self.status in OPEN
