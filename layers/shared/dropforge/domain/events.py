"""The events we announce, each a versioned value with a sample in events/. The class name is the detail-type."""

from typing import Literal

from pydantic import Field

from dropforge.domain.failures import Failure
from dropforge.domain.terms import Terms
from dropforge.domain.values import Received, Value
from dropforge.domain.verdicts import Comparison


class Announcement(Value):
    """What every event of ours carries: a version of its shape and the project it is about."""

    version: Literal["1"] = "1"
    project: str


class DatasetReady(Announcement):
    """A dataset was read and every row can be trained on."""

    dataset_id: str
    digest: str
    rows: int
    report_uri: str
    warnings: int = 0


class DatasetRejected(Announcement):
    """An upload cannot become a dataset."""

    key: str
    failure: Failure


class RunPlanned(Announcement):
    """It is known what a run would do and cost at most."""

    run_id: str
    dataset_id: str
    recipe: str
    price_usd: float


class RunAdmitted(Announcement):
    """An execution holds the run's attempt. With `checkpoint_uri` nothing is trained: an earlier attempt's checkpoint is registered.

    `terms` is what the attempt was planned with.
    """

    run_id: str
    attempt: int
    execution: str
    checkpoint_uri: str | None = None
    terms: Terms | None = None


class RunQueued(Announcement):
    """A job of the run waits for quota; `reason` is Kueue's own text."""

    run_id: str
    attempt: int
    step: str
    reason: str


class RunStarted(Announcement):
    """A job of the run has started."""

    run_id: str
    attempt: int
    step: str
    started_at: str = ""


class RunProgressed(Announcement):
    """A job of the run has come further."""

    run_id: str
    attempt: int
    step: str
    done: int
    total: int | None = None
    loss: float | None = None
    rate: float | None = None


class RunEvicted(Announcement):
    """A job of the run was stopped by the queue and waits again; `reason` is Kueue's own text."""

    run_id: str
    attempt: int
    step: str
    reason: str
    evicted_at: str = ""


class RunCancelled(Announcement):
    """Somebody stopped the run or the upload, and nothing of it is left. `run_id` is empty when no run was known yet."""

    run_id: str
    attempt: int
    execution: str
    failure: Failure


class RunFailed(Announcement):
    """An execution ended without a model. `run_id` is empty when it ended before a run was known."""

    run_id: str
    attempt: int
    execution: str
    failure: Failure


class CheckpointVerified(Announcement):
    """The checkpoint in S3 was opened and is whole."""

    run_id: str
    uri: str
    digest: str


class ModelEvaluated(Announcement):
    """The gate has compared a model's numbers. One that did not pass is quarantined: `evidence_uri` says where the evidence lies."""

    run_id: str
    attempt: int
    passed: bool
    checkpoint_digest: str
    numbers: dict[str, dict[str, float]] = Field(default_factory=dict)  # by role
    buckets: dict[str, int] = Field(default_factory=dict)  # the candidate's answers to rows that call functions
    comparisons: tuple[Comparison, ...] = ()
    held_out: str = ""
    rows: int = 0
    left_out: int = 0
    incumbent_arn: str = ""
    report: str = ""
    report_sha256: str = ""
    evidence_uri: str = ""


class ModelRegistered(Announcement):
    """A model package stands in the registry, waiting for approval."""

    run_id: str
    model_arn: str
    uri: str
    loss_before: float | None = None
    loss_after: float | None = None


class ModelRecalled(Announcement):
    """What a model learned from was recalled, so nobody may deploy it; its package is rejected. `approval_before` is what it was."""

    run_id: str
    attempt: int
    model_arn: str
    dataset_id: str
    approval_before: str


class ModelRestored(Announcement):
    """The recall of what a model learned from was lifted. `kept`: somebody has decided on the package since, and that stays."""

    run_id: str
    attempt: int
    model_arn: str
    dataset_id: str
    kept: bool


class ApprovalRequested(Announcement):
    """A registered model waits for a yes or no. `shown` is the digest of what there is to approve."""

    run_id: str
    model_arn: str
    shown: str
    expires_at: str


class ApprovalDecided(Announcement):
    """Somebody, or the project's policy, has decided on a model, or nobody has in time."""

    run_id: str
    model_arn: str
    status: Literal["pending", "approved", "rejected", "expired"]
    by: str
    reason: str
    shown: str


class LeaseExpired(Announcement):
    """An attempt has held what costs money for longer than it said it would; it is stopped."""

    run_id: str
    attempt: int
    expired_at: str
    price_usd: float


class FileSystemFilling(Announcement):
    """A job of the project found that little of its cluster's file system is free; told once a day."""

    cluster: str
    file_system: str
    free_bytes: int
    total_bytes: int


class DriftFound(Announcement):
    """The sweep found that the ledger and reality disagree, and what it did about it."""

    what: str
    name: str
    did: str


class PackageDetail(Received):
    """The detail of a change of a model package, as far as we read it."""

    arn: str = Field(alias="ModelPackageArn")


class PackageChanged(Received):
    """The event "SageMaker Model Package State Change": the rule lets through those whose `UpdatedModelPackageFields` names the approval."""

    detail: PackageDetail


class ExecutionDetail(Received):
    """The detail of a status change. AWS leaves `input`, `error` and `cause` out when they are large."""

    execution_arn: str = Field(alias="executionArn")
    name: str
    status: Literal["FAILED", "TIMED_OUT", "ABORTED"]
    input: str | None = None
    error: str | None = None
    cause: str | None = None


class ExecutionEnded(Received):
    """The event "Step Functions Execution Status Change" of an execution that did not succeed."""

    detail: ExecutionDetail
