"""Reports of runs for tests: one that has made a model, one that has failed, one that still runs, and what hostile people would write into them."""

import math

from dropforge.domain.curves import draw
from dropforge.domain.evaluated import evaluated
from dropforge.domain.events import (
    CheckpointVerified,
    DatasetReady,
    ModelEvaluated,
    ModelRegistered,
    RunAdmitted,
    RunFailed,
    RunPlanned,
    RunQueued,
    RunStarted,
)
from dropforge.domain.failures import failure
from dropforge.domain.journeys import STAGES, Journey, Stage
from dropforge.domain.reports import Fault, Report
from dropforge.domain.run_reports import Facts, RunReport, build
from dropforge.domain.runs import Progress, Run
from dropforge.domain.terms import terms_of
from dropforge.domain.timeline import Entry, entry
from dropforge.domain.verdicts import Comparison

from tests import builders

BEGIN = 1_767_323_045.0  # builders.NOW
HOSTILE = '"><script>alert(1)</script>\u202e\x1b[31m\x07<img src=x onerror=alert(2)>{{ 7*7 }}'
_SECONDS = {"RegisterDataset": 1.2, "CheckDataset": 3.4, "PlanRun": 0.6, "AdmitRun": 0.4, "StageDataset": 48.0}
_SECONDS |= {
    "RunSteps": 2412.0,
    "PromoteCheckpoint": 61.0,
    "VerifyCheckpoint": 2.5,
    "GateModel": 0.3,
    "RegisterModel": 1.1,
}


def at(seconds: float) -> str:
    whole = int(BEGIN + seconds)
    return f"2026-01-02T{whole % 86400 // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}.{int(seconds % 1 * 1000):03d}Z"


def stages(last: str = "RegisterModel", status: str = "succeeded") -> tuple[Stage, ...]:
    """The stages up to `last`, one after another, the rest not reached."""
    found, now = [], BEGIN
    names = [name for name in STAGES if name in _SECONDS]
    for name in names:
        if (found and found[-1].name == last) or (found and found[-1].status == "waiting"):
            found.append(Stage(name=name, status="waiting"))
            continue
        end = now + _SECONDS[name]
        how = status if name == last else "succeeded"
        found.append(
            Stage.model_validate(
                {"name": name, "status": how, "started": now, "ended": end if how != "running" else None}
            )
        )
        now = end
    return tuple(found)


JOBS = (
    ("prefetch", 54.0, 20.0, 40.0),
    ("prepare", 95.0, 4.0, 90.0),
    ("train", 190.0, 600.0, 1500.0),
    ("verify", 2300.0, 3.0, 60.0),
)


def spans(jobs: int = 4, status: str = "succeeded") -> tuple[Stage, ...]:
    times = [(BEGIN + start, BEGIN + start + queued + ran) for _, start, queued, ran in JOBS[:jobs]]
    return tuple(
        Stage.model_validate(
            {
                "name": "SubmitJob",
                "status": status if n == jobs - 1 else "succeeded",
                "started": a,
                "ended": None if status == "running" and n == jobs - 1 else b,
            }
        )
        for n, (a, b) in enumerate(times)
    )


def entries(run: Run, jobs: int = 4) -> tuple[Entry, ...]:
    """What is told of a run up to the start of its last job."""
    who = {"project": run.project, "run_id": run.id}
    plan = builders.planned()
    ready = DatasetReady(
        project="zoo", dataset_id=run.dataset_id, digest="d" * 64, rows=400, report_uri="s3://b/report.json"
    )
    found = [
        entry(ready, at(4.6), "dropforge-test-check-dataset"),
        entry(
            RunPlanned(**who, dataset_id=run.dataset_id, recipe=run.recipe, price_usd=run.price_usd),
            at(5.2),
            "dropforge-test-plan-run",
        ),
        entry(
            RunAdmitted(**who, attempt=run.attempt, execution=run.execution, terms=terms_of(plan)),
            at(5.6),
            "dropforge-test-admit-run",
        ),
    ]
    for step, start, queued, _ in JOBS[:jobs]:
        job = {**who, "attempt": run.attempt, "step": step}
        if queued > 100:
            why = "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor local.cpu, 1 more needed"
            found.append(entry(RunQueued(**job, reason=why), at(start + 30), "dropforge-test-watch-jobs"))
        found.append(
            entry(
                RunStarted(**job, started_at=at(start + queued)), at(start + queued + 20), "dropforge-test-watch-jobs"
            )
        )
    return tuple(found)


def losses(steps: int = 3000) -> list[tuple[int, float]]:
    return [
        (n, 0.35 + 2.4 * math.exp(-n / 420) + 0.11 * math.sin(n * 1.7) * math.exp(-n / 900))
        for n in range(1, steps + 1)
    ]


def facts(name: str = "train.jsonl") -> Facts:
    warned = Fault.of("DuplicateRow").model_copy(update={"line": 12})
    found = Report(
        file=name,
        kind="sft",
        shape="prompt",
        rows=400,
        good_rows=400,
        warning_counts={"DuplicateRow": 3},
        warnings=(warned,),
    )
    dataset = builders.dataset().model_copy(update={"warnings": 3})
    return Facts(dataset=dataset, findings=(found,), checkpoint=builders.checkpoint(), curve=draw("train", losses()))


def journey_of(run: Run | None, execution_status: str, told: tuple[Entry, ...], **more: object) -> Journey:
    base = {
        "execution": run.execution if run else builders.EXECUTION,
        "execution_arn": "arn:aws:states:eu-central-1:123456789012:execution:m:e",
        "status": execution_status,
        "arrival": builders.arrival(),
        "run": run,
        "progress": None,
        "timeline": told,
    }
    return Journey(**(base | more))


def judged(*, passed: bool, why: str = "") -> ModelEvaluated:
    """What the gate said of a model that was measured beside its base and an incumbent."""
    loss = {"number": "loss", "rule": "at most", "against": "incumbent", "limit": 0.62, "reference": 0.6}
    said = why or f"`loss` is {0.55 if passed else 0.7:g}, the incumbent's 0.6; it must be at most 0.62."
    found = Comparison(**loss, outcome="met" if passed else "missed", value=0.55 if passed else 0.7, why=said)
    return ModelEvaluated(
        project="zoo",
        run_id=builders.run().id,
        attempt=1,
        passed=passed,
        checkpoint_digest="c" * 64,
        numbers={"candidate": {"loss": 0.55, "exact_match": 0.5}, "base": {"loss": 2.4}, "incumbent": {"loss": 0.6}},
        buckets={"right": 9, "wrong-value": 3},
        comparisons=(found,),
        held_out="validation",
        rows=16,
        incumbent_arn="arn:aws:sagemaker:eu-central-1:123456789012:model-package/zoo--birds/6",
        report="/fsx/runs/zoo/birds/1/evaluation.json",
        report_sha256="9" * 64,
        evidence_uri="" if passed else "s3://dropforge-test-models/quarantine/zoo/birds/1/gate.json",
    )


def succeeded() -> RunReport:
    """The report of a run that has made a model."""
    model = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/zoo--birds/7"
    run = builders.run("succeeded").model_copy(
        update={"ended_at": at(2530.2), "model_arn": model, "request": {"parameters": {"steps": 3000, "rate": 0.5}}}
    )
    uri = "s3://dropforge-test-models/runs/zoo/birds/1/model/"
    who = {"project": "zoo", "run_id": run.id}
    told = (
        *entries(run),
        entry(CheckpointVerified(**who, uri=uri, digest="c" * 64), at(2529), "dropforge-test-verify-checkpoint"),
        entry(judged(passed=True), at(2529.5), "dropforge-test-gate-model"),
        entry(
            ModelRegistered(**who, model_arn=model, uri=uri, loss_before=2.5, loss_after=0.5),
            at(2530.2),
            "dropforge-test-register-model",
        ),
    )
    return build(journey_of(run, "SUCCEEDED", told, stages=stages(), jobs=spans()), facts(), at(9999))


def failed(said: str = "loss is not a number at step 7", lines: int = 80) -> RunReport:
    """The report of a run whose training has failed."""
    log = (*(f"step={n}/3000 loss={3 / n:.4f}" for n in range(1, lines)), said)
    found = failure(
        "JobFailed", said, {"job": f"{said}-train", "log_uri": "s3://dropforge-test-models/logs/train.log"}, log
    )
    run = builders.run("failed").model_copy(update={"ended_at": at(2295)})
    over = RunFailed(project="zoo", run_id=run.id, attempt=1, execution=run.execution, failure=found)
    told = (*entries(run, 3), entry(over, at(2295), "dropforge-test-report-failure"))
    journey = journey_of(
        run, "FAILED", told, stages=stages("RunSteps", "failed"), jobs=spans(3, "failed"), failure=found
    )
    return build(journey, facts(said[:80]).model_copy(update={"checkpoint": None}), at(9999))


def running() -> RunReport:
    """The report of a run whose training waits for quota, as the client makes it: from a journey alone."""
    run = builders.run()
    why = (
        "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor local.cpu, 1 more needed"
    )
    progress = Progress(step="train", job="j", phase="queued", reason=why, at=at(220))
    told = tuple(e for e in entries(run, 3) if (e.what, e.step) != ("RunStarted", "train"))
    journey = journey_of(
        run, "RUNNING", told, stages=stages("RunSteps", "running"), jobs=spans(3, "running"), progress=progress
    )
    return build(journey, Facts(), at(400))


def hostile() -> RunReport:
    """The report of a failed run in which every text that users or their programs write is hostile."""
    report = failed(HOSTILE)
    told = tuple(
        e.model_copy(update={"reason": HOSTILE, "actor": HOSTILE, "details": {HOSTILE: HOSTILE}}) for e in report.events
    )
    links = tuple(link.model_copy(update={"name": HOSTILE, "note": HOSTILE}) for link in report.lineage)
    line = entry(judged(passed=False, why=HOSTILE), at(2290), "gate-model")
    part = evaluated((line,), 1)
    assert part is not None
    part = part.model_copy(
        update={"numbers": {"candidate": {HOSTILE: 1.0}}, "buckets": {HOSTILE: 1}, "report": HOSTILE}
    )
    texts = {"name": HOSTILE, "dataset": HOSTILE, "curve_note": HOSTILE}
    return report.model_copy(update={**texts, "events": told, "lineage": links, "evaluated": part})
