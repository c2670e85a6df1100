"""Explanations: every state, every reason of the queue and every code has a text, and the text is kept in a golden file."""

from datetime import UTC, datetime, timedelta
from textwrap import wrap
from typing import get_args

import pytest
from dropforge.domain import explanations
from dropforge.domain.catalogue import CATALOGUE
from dropforge.domain.explanations import Explanation, explain
from dropforge.domain.failures import failure
from dropforge.domain.journeys import STAGES, Journey, Stage
from dropforge.domain.queue_reasons import MEANINGS, meaning
from dropforge.domain.recalls import Recall
from dropforge.domain.runs import Arrival, ArrivalStatus, Cancellation, Progress, Status, Trouble

from tests.builders import EXECUTION, arrival, run
from tests.golden_files import check_golden

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
PREEMPTED = "Preempted to accommodate a workload (UID: 1b, JobUID: 2c) due to "
PATHS = "; preemptor path: /cohort/a; preemptee path: /cohort/b"
COULD_NOT = "couldn't assign flavors to pod set main: "
NEVER = "previously considered podsets requests (0) + current podset request (16) > maximum capacity (8)"
WORDS = {
    "FileSystemBusy": "the file system is busy with the export of run cats-1b2c",
    "QuotaInUse": f"{COULD_NOT}flavor cpu doesn't match node affinity, insufficient unused quota for nvidia.com/gpu in flavor ml.p5, 8 more needed",
    "TopologyFull": f'{COULD_NOT}topology "racks" doesn\'t allow to fit any of 2 pod(s)',
    "NeverFits": f"{COULD_NOT}insufficient quota for nvidia.com/gpu in flavor ml.p5, {NEVER}",
    "ResourceNotCovered": f"{COULD_NOT}resource nvidia.com/gpu unavailable in ClusterQueue",
    "FlavorMissing": f"{COULD_NOT}flavor ml.p5 not found",
    "TopologyUnsupported": f'{COULD_NOT}Flavor "ml.p5" does not support TopologyAwareScheduling',
    "NodesDoNotMatch": f"{COULD_NOT}flavor ml.p5 doesn't match node affinity",
    "TaintNotTolerated": f"{COULD_NOT}untolerated taint {{gpu true NoSchedule <nil>}} in flavor ml.p5",
    "QueueMissing": "LocalQueue hyperpod-ns-vision-localqueue doesn't exist",
    "ClusterQueueMissing": "ClusterQueue hyperpod-ns-vision-clusterqueue doesn't exist",
    "QueueInactive": "ClusterQueue hyperpod-ns-vision-clusterqueue is inactive",
    "QueueStopped": "LocalQueue hyperpod-ns-vision-localqueue is stopped",
    "NamespaceNotAllowed": "Workload namespace doesn't match ClusterQueue selector",
    "MoreUrgentWork": f"{PREEMPTED}prioritization in the ClusterQueue{PATHS}",
    "LentQuotaTakenBack": f"{PREEMPTED}reclamation within the cohort{PATHS}",
    "OverrunByBorrower": f"{PREEMPTED}reclamation within the cohort while borrowing{PATHS}",
    "FairShare": f"{PREEMPTED}Fair Sharing within the cohort{PATHS}",
    "PodsNotReady": "Exceeded the PodsReady timeout hyperpod-ns-vision/job-birds",
    "CheckRefused": "At least one admission check is false",
    "NodesFailed": "The workload was evicted because of node failures",
    "RanTooLong": "The workload is deactivated due to exceeding the maximum execution time",
    "TooManyRequeues": "The workload is deactivated due to exceeding the maximum number of re-queuing retries",
    "Deactivated": "The workload is deactivated",
}
# Other wordings of the same: those of Kueue 0.13, and of a queue that is stopped while a job of its runs.
ALSO = {
    f"{COULD_NOT}insufficient quota for cpu in flavor local.cpu, request > maximum capacity (16 > 2)": "NeverFits",
    f"{PREEMPTED}prioritization in the ClusterQueue": "MoreUrgentWork",
    "The ClusterQueue is stopped": "QueueStopped",
    "The LocalQueue is stopped": "QueueStopped",
}


def stages(running: str = "", failed: str = "") -> tuple[Stage, ...]:
    return tuple(
        Stage(name=name, status="running", started=1768478100.0)
        if name == running
        else Stage(name=name, status="failed" if name == failed else "waiting")
        for name in STAGES
    )


def journey(**given: object) -> Journey:
    known = {
        "execution": EXECUTION,
        "execution_arn": "arn:aws:states:eu-central-1:123456789012:execution:m:e",
        "status": "RUNNING",
        "arrival": arrival(),
        "run": run(),
        "progress": None,
        "stages": stages("RunSteps"),
    }
    return Journey.model_validate({**known, **given})


def job(phase: str, reason: str = "", minutes: int = 3, **more: object) -> Progress:
    at = (NOW - timedelta(minutes=minutes)).isoformat()
    return Progress.model_validate(
        {"step": "train", "job": "birds-1-train", "phase": phase, "reason": reason, "at": at, **more}
    )


def failed(code: str) -> Journey:
    found = failure(code, "This case's own cause.")
    return journey(status="FAILED", run=run("failed"), failure=found, stages=stages(failed="RunSteps"))


def of_upload(status: ArrivalStatus) -> Journey:
    over = {"failed": "FAILED", "rejected": "FAILED", "cancelled": "ABORTED", "succeeded": "SUCCEEDED"}.get(status)
    found = {"rejected": "DatasetRejected", "failed": "Unexpected", "cancelled": "RunCancelled"}.get(status)
    made: Arrival = arrival(status=status)
    return journey(
        status=over or "RUNNING",
        run=None,
        arrival=made,
        failure=failure(found, "This case's own cause.") if found else None,
        stages=stages({"received": "", "checking": "CheckDataset", "ready": "PlanRun"}.get(status, "AdmitRun")),
    )


def of_run(status: Status) -> Journey:
    if status in ("failed", "cancelled"):
        code = "JobFailed" if status == "failed" else "RunCancelled"
        return journey(status="FAILED", run=run(status), failure=failure(code, "This case's own cause."))
    over = "SUCCEEDED" if status == "succeeded" else "RUNNING"
    return journey(
        status=over,
        run=run(status),
        result={"arn": "arn:aws:sagemaker:model-package/1"} if over == "SUCCEEDED" else None,
    )


WISH = Cancellation(by="arn:aws:iam::123456789012:user/ada", reason="wrong data", at=NOW.isoformat())
RECALL = Recall(
    project="zoo",
    content="a" * 64,
    dataset_id="zoo/birds/63f0ca8deb4b",
    by="arn:aws:iam::123456789012:user/ada",
    reason="wrong labels",
    at=NOW.isoformat(),
)
TROUBLE = Trouble(since=NOW.isoformat(), failure=failure("ClusterUnreachable", "No answer within 20 seconds."))
STATES: dict[str, Journey] = {
    "not heard of": journey(status="STARTING", run=None, arrival=None, stages=stages()),
    **{f"upload {status}": of_upload(status) for status in get_args(ArrivalStatus)},
    **{f"run {status}": of_run(status) for status in get_args(Status)},
    **{f"stage {stage}": journey(run=None, stages=stages(stage)) for stage in STAGES},
    "joined a run": journey(
        status="SUCCEEDED", result={"joined": True, "run": run(execution="other").model_dump(mode="json")}
    ),
    "joined a model": journey(
        status="SUCCEEDED",
        result={"joined": True, "run": {**run("succeeded").model_dump(mode="json"), "model_arn": "arn:m/1"}},
    ),
    "export waits its turn": journey(
        stages=stages("PromoteCheckpoint"),
        progress=job("queued", WORDS["FileSystemBusy"]).model_copy(update={"step": "export"}),
    ),
    "export runs": journey(
        stages=stages("PromoteCheckpoint"), progress=job("running").model_copy(update={"step": "export"})
    ),
    "job new": journey(progress=job("new")),
    "job queued without a word": journey(progress=job("queued")),
    "job queued behind others": journey(
        progress=job("queued", WORDS["QuotaInUse"]), holders=("cats-1b2c", "dogs-3d4e")
    ),
    "job running": journey(progress=job("running", done=12, total=60, loss=1.5)),
    "job silent": journey(progress=job("running", minutes=40, done=12, total=60)),
    "job done": journey(progress=job("done")),
    "being cancelled": journey(run=run().model_copy(update={"cancellation": WISH}), progress=job("running")),
    "ended and not yet cleared up": journey(status="ABORTED"),
    "recalled and running": journey(progress=job("running"), recall=RECALL),
    "recalled after its end": of_run("succeeded").model_copy(update={"recall": RECALL}),
    "recalled and being cancelled": journey(run=run().model_copy(update={"cancellation": WISH}), recall=RECALL),
    "cluster unreachable": journey(progress=job("running"), trouble=TROUBLE),
}


def text_of(found: Explanation) -> dict[str, str]:
    return {name: getattr(found, name) for name in ("state", "where", "why", "whose", "next")}


def test_what_is_said_of_every_state() -> None:
    check_golden("explanations.json", {name: text_of(explain(one, NOW)) for name, one in STATES.items()})


def test_what_is_said_of_every_reason_of_the_queue() -> None:
    assert list(WORDS) == list(MEANINGS), "a meaning without words of the queue, or the other way round"
    said = {name: text_of(explain(journey(progress=job("queued", words)), NOW)) for name, words in WORDS.items()}
    check_golden("queue_reasons.json", said)


def test_what_is_said_of_every_code() -> None:
    check_golden("codes.json", {code: text_of(explain(failed(code), NOW)) for code in sorted(CATALOGUE)})


@pytest.mark.parametrize(("said", "name"), [*((words, name) for name, words in WORDS.items()), *ALSO.items()])
def test_the_queues_words_have_the_meaning_that_they_should(said: str, name: str) -> None:
    assert meaning(said).words == MEANINGS[name].words


def test_words_that_nobody_foresaw_are_given_as_they_are() -> None:
    found = explain(journey(progress=job("queued", "the moon is in the way")), NOW)
    assert found.why == "The queue says: the moon is in the way"


@pytest.mark.parametrize("name", [*STATES, *WORDS, *CATALOGUE])
def test_no_part_of_an_answer_takes_more_than_three_lines_of_a_terminal(name: str) -> None:
    one = STATES.get(name) or (journey(progress=job("queued", WORDS[name])) if name in WORDS else failed(name))
    found = explain(one, NOW)
    assert [part for part in (found.where, found.why, found.next) if len(wrap(part, 66)) > 3] == []


def test_every_stage_has_a_text() -> None:
    assert tuple(explanations.STAGES) == STAGES


def test_the_evidence_leads_from_the_upload_to_the_job_and_says_when() -> None:
    found = explain(journey(progress=job("queued", WORDS["QuotaInUse"])), NOW)
    assert [fact.source for fact in found.evidence] == ["upload", "execution", "run", "job"]
    assert all(fact.at for fact in found.evidence)
    assert WORDS["QuotaInUse"] in found.evidence[-1].said
    assert found.since == (NOW - timedelta(minutes=3)).isoformat()


def test_an_old_failure_of_another_attempt_is_not_this_ones() -> None:
    """A drop that joined a run elsewhere says so, whatever that run's job does."""
    other = run(execution="other")
    found = explain(journey(run=other, progress=job("running"), stages=stages("RegisterDataset")), NOW)
    assert (found.state, found.where) == ("working", f"drop {EXECUTION} is in RegisterDataset")
