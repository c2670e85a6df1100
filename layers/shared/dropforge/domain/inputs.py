"""What each state hands to its function: the values of a handler's single argument where it needs more than one noun."""

from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.datasets import Dataset, Manifest
from dropforge.domain.jobs import JobResult
from dropforge.domain.models import Model
from dropforge.domain.plans import Plan, PlannedStep
from dropforge.domain.runs import Run
from dropforge.domain.uploads import RunBlock
from dropforge.domain.values import Received, Value
from dropforge.domain.verdicts import Verdict


class Started(Value):
    """The machine's input, whatever was typed there, together with the execution's own name."""

    input: object
    execution: str


class ToCheck(Value):
    """An upload's claims, to be read and believed."""

    manifest: Manifest
    execution: str


class ToCheckRange(Value):
    """One of the ranges in which an upload is read."""

    manifest: Manifest
    number: int


class RangeRead(Value):
    """What was read; what was found there lies beside the listing."""

    number: int


class ToPlan(Value):
    """A dataset and what its upload asked for."""

    dataset: Dataset
    run: RunBlock


class ToAdmit(Value):
    """A plan and who wants to carry it out."""

    plan: Plan
    dataset: Dataset
    execution: str


class ToStage(Value):
    """A run whose dataset must reach the file system; `token` is answered when it has."""

    plan: Plan
    dataset: Dataset
    run: Run
    token: str


class ToSubmit(Value):
    """A step that must become a job; `token` is answered when the job has ended."""

    plan: Plan
    dataset: Dataset
    run: Run
    step: PlannedStep
    token: str


class ToPromote(Value):
    """A run whose model must reach the models bucket, and what its jobs said of it; `token` is answered when it has."""

    plan: Plan
    run: Run
    jobs: tuple[JobResult, ...] = ()
    token: str


class ToVerify(Value):
    """A promoted checkpoint and what the run's jobs said about it."""

    plan: Plan
    run: Run
    jobs: tuple[JobResult, ...]


class ToGate(Value):
    """A verified checkpoint, to be compared with what is required and with the incumbent."""

    plan: Plan
    run: Run
    checkpoint: Checkpoint


class ToRegister(Value):
    """A verified checkpoint that the gate has let through, to become a model package."""

    plan: Plan
    dataset: Dataset
    run: Run
    checkpoint: Checkpoint
    verdict: Verdict | None = None


class ToApprove(Value):
    """A registered model that somebody must say yes or no to; `token` is answered when somebody has."""

    plan: Plan
    run: Run
    model: Model
    token: str


class Asked(Value):
    """What a state has asked for and now waits for; its token brings the real result."""

    name: str
    reference: str = ""


class Tick(Received):
    """A tick of the watcher's schedule, or, with `cluster`, one cluster's share of it, and when it was handed out."""

    cluster: str | None = None
    asked_at: str | None = None


class Watched(Value):
    """What one tick did: clusters it handed out, or waits it looked at and answered."""

    clusters: int = 0
    waits: int = 0
    answered: int = 0


class Reported(Value):
    """What ReportFailure ended: empty `run_id` when no run was known yet."""

    run_id: str = ""
    attempt: int = 0
    already_over: bool = False


class Question(Value):
    """A run id, an upload id or an execution name."""

    reference: str


class Heard(Value):
    """What became of a decision that was made in the registry; empty `status` where nothing was news."""

    run_id: str = ""
    status: str = ""


class Cancelled(Value):
    """What was stopped. It has ended once a read has found nothing left of it; `status` says when."""

    run_id: str = ""
    execution: str
    attempt: int = 0
    already_over: bool = False


class Retried(Value):
    """The execution that was started; empty `run_id` when no run was known yet."""

    run_id: str = ""
    execution: str


class Written(Value):
    """Where WriteReport has put the report of a run; empty `uri` for what has none: no run, or an attempt that another one has followed."""

    run_id: str = ""
    attempt: int = 0
    uri: str = ""


class Sweep(Received):
    """A tick of the sweep's schedule, or, with `cluster`, one cluster's share of it."""

    cluster: str | None = None


class Swept(Value):
    """How many of each kind one sweep has mended."""

    letters: int = 0
    uploads: int = 0
    starts: int = 0
    runs: int = 0
    jobs: int = 0
    approvals: int = 0


class Traced(Value):
    """What WriteLineage has made sure of: how many entities and associations stand; none for a run without a passport."""

    run_id: str
    model_arn: str = ""
    written: int = 0
