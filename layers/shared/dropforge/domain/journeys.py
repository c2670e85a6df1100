"""A journey: how far a drop has come, as people see it. Stages are the state machine's own states, with the times Step Functions recorded."""

from datetime import datetime
from typing import Literal

from dropforge.domain.approvals import Approval
from dropforge.domain.failures import Failure
from dropforge.domain.recalls import Recall
from dropforge.domain.runs import Arrival, Progress, Run, Trouble
from dropforge.domain.timeline import Entry
from dropforge.domain.values import Value

STAGES = (
    "RegisterDataset",
    "CheckRanges",
    "CheckDataset",
    "PlanRun",
    "AdmitRun",
    "StageDataset",
    "RunSteps",
    "PromoteCheckpoint",
    "VerifyCheckpoint",
    "GateModel",
    "RegisterModel",
    "RequestApproval",
)
OVER = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")  # an execution's last statuses
DECIDES = "RequestApproval"  # the state that may wait for people, when the run is over already
SUBMITS = "SubmitJob"  # the state inside RunSteps
OPTIONAL = ("CheckRanges",)  # passed by for most drops, so shown only once it was entered


class Stage(Value):
    """One state of the journey. Times are seconds since 1970. A state that the journey has gone past without entering it was skipped."""

    name: str
    status: Literal["waiting", "running", "succeeded", "failed", "skipped"]
    started: float | None = None
    ended: float | None = None


class Journey(Value):
    """Where a drop is: the execution's status, its stages, the run if one is known, and what it made or why it failed.

    `jobs` are the times between a step's submission and its answer, in the order of the steps. `trouble`
    is with the run's cluster; `holders` are the team's runs that hold quota there while this one's job is queued. `approval` is the request for a
    yes or no to the run's model: a run is over when its model is registered, however long somebody thinks about it. `recall` is the one that stands
    for what the run learns from.
    """

    execution: str
    execution_arn: str
    status: str
    arrival: Arrival | None
    run: Run | None
    progress: Progress | None
    stages: tuple[Stage, ...]
    jobs: tuple[Stage, ...] = ()
    result: dict[str, object] | None = None
    failure: Failure | None = None
    timeline: tuple[Entry, ...] = ()
    trouble: Trouble | None = None
    holders: tuple[str, ...] = ()
    approval: Approval | None = None
    recall: Recall | None = None

    @property
    def own_run(self) -> Run | None:
        """The run, if this very execution carries it out: one that it joins, or whose next attempt it will be, is not its own."""
        return self.run if self.run is not None and self.run.execution == self.execution else None

    @property
    def own_arrival(self) -> Arrival | None:
        """What became of the upload, if it is bound to this very execution."""
        return self.arrival if self.arrival is not None and self.arrival.execution == self.execution else None

    @property
    def name(self) -> str:
        """What people call it: the run once it is known, the drop before."""
        return self.own_run.label if self.own_run is not None else f"drop {self.execution}"


class Moment(Value):
    """One event of an execution's history that enters or leaves a state, or ends the execution."""

    kind: Literal["entered", "exited", "failed"]
    state: str
    at: float


def lay_out(moments: list[Moment]) -> tuple[Stage, ...]:
    """Return the stages with the times of `moments` (oldest first). The stage that runs when the execution fails is the one that failed."""
    entered: dict[str, float] = {}
    exited: dict[str, float] = {}
    failed_at: float | None = None
    for moment in moments:
        if moment.kind == "entered":
            entered.setdefault(moment.state, moment.at)
        elif moment.kind == "exited":
            exited[moment.state] = moment.at
        else:
            failed_at = moment.at
    shown = [name for name in STAGES if name in entered or name not in OPTIONAL]
    last = max((place for place, name in enumerate(shown) if name in entered), default=-1)
    skipped = [name for name in shown[: last + 1] if name not in entered]
    return tuple(
        Stage(name=name, status="skipped")
        if name in skipped
        else _stage(name, entered.get(name), exited.get(name), failed_at)
        for name in shown
    )


def jobs_of(moments: list[Moment]) -> tuple[Stage, ...]:
    """Return the times of the steps of RunSteps, which come one after another: each from its submission to its answer."""
    found: list[Stage] = []
    for moment in moments:
        if moment.kind == "entered" and moment.state == SUBMITS:
            found.append(_stage(SUBMITS, moment.at, None, None))
        elif found and found[-1].ended is None and (moment.state == SUBMITS or moment.kind == "failed"):
            how = "failed" if moment.kind == "failed" else "succeeded"
            found[-1] = found[-1].model_copy(update={"ended": moment.at, "status": how})
    return tuple(found)


def settle(journey: Journey) -> Journey:
    """Return a journey whose run is over as over: the last state announces the model a moment before Step Functions sees it end."""
    run = journey.own_run
    if run is None or run.status == "running" or run.ended_at is None:
        return journey
    end = datetime.fromisoformat(run.ended_at).timestamp()
    how: Literal["succeeded", "failed"] = "succeeded" if run.status == "succeeded" else "failed"
    over = {"ended": end, "status": how}
    ends = {s.name for s in journey.stages if s.status == "running" and s.name != DECIDES}
    stages = tuple(s.model_copy(update=over) if s.name in ends else s for s in journey.stages)
    status = journey.status if journey.status in OVER else "SUCCEEDED" if how == "succeeded" else "FAILED"
    return journey.model_copy(update={"stages": stages, "status": status})


def _stage(name: str, started: float | None, ended: float | None, failed_at: float | None) -> Stage:
    if started is None:
        return Stage(name=name, status="waiting")
    if ended is not None:
        return Stage(name=name, status="succeeded", started=started, ended=ended)
    return Stage(name=name, status="running" if failed_at is None else "failed", started=started, ended=failed_at)
