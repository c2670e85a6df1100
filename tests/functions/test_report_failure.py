"""ReportFailure: every way of ending badly is recorded once, told once, and leaves nothing on the cluster; a late event changes nothing."""

import json
from collections.abc import Callable

import pytest
from dropforge.adapters import arrivals, aws, clock, ledger
from dropforge.domain.callers import Order
from dropforge.domain.failures import Failure
from dropforge.domain.runs import Cancellation, Run
from dropforge.domain.uploads import Drop
from dropforge.errors import NotReady, Problem

from tests.builders import EXECUTION, arrival, job_failed, upload
from tests.contracts.repository import Document, text
from tests.functions.conftest import MODELS, Call
from tests.functions.site import SLEEPS, Site, until

Announced = Callable[[], list[tuple[str, Document]]]


def ended(execution: str, status: str = "FAILED", failure: Failure | None = None, **changed: object) -> Document:
    """The real event, about another execution."""
    event: Document = json.loads(text("events/execution_ended.json"))
    cause = failure.model_dump_json() if failure else ""
    said = {
        "error": failure.error if failure else None,
        "cause": cause,
        "input": Drop(upload=upload()).model_dump_json(),
    }
    event["detail"] |= {"name": execution, "status": status, **said, **changed}
    return event


def training(call: Call, onsite: Site, name: str) -> Run:
    """A run whose job is at work."""
    plan = onsite.plan(name, SLEEPS)
    run = onsite.claim(plan, f"e-{name}")
    call("submit_job", onsite.submission(plan, run))
    until(lambda: onsite.phase(run) == "Running" and "step=1/9" in onsite.said(run))
    return run


def now(run: Run) -> Run:
    found = ledger.run(run.id)
    assert found is not None
    return found


def test_a_failed_run_is_recorded_told_and_torn_down(call: Call, onsite: Site, announced: Announced) -> None:
    run = training(call, onsite, "failed")
    reported = call("report_failure", ended(run.execution, failure=job_failed()))
    assert reported == {"run_id": run.id, "attempt": 1, "already_over": False}
    assert (now(run).status, now(run).failure) == ("failed", job_failed())
    assert (onsite.jobs(run), onsite.pods(run), ledger.lease(run)) == ([], [], None)
    log = aws.s3().get_object(Bucket=MODELS, Key=f"logs/zoo/{run.id}/1/train.log")["Body"].read().decode()
    assert log == "step=1/9 loss=2.0\n"
    told = [detail for kind, detail in announced() if kind == "RunFailed"]
    assert [(one["run_id"], one["failure"]["code"]) for one in told] == [(run.id, "JobFailed")]


def test_the_upload_of_a_failed_run_has_failed_with_it(call: Call, onsite: Site) -> None:
    run = training(call, onsite, "with-upload")
    call("report_failure", ended(run.execution, failure=job_failed()))
    found = ledger.arrival(upload())
    assert found is not None
    assert (found.status, found.run_id, found.failure) == ("failed", run.id, job_failed())


def test_the_same_end_again_is_told_no_second_time(call: Call, onsite: Site, announced: Announced) -> None:
    run = training(call, onsite, "twice")
    reports = [call("report_failure", ended(run.execution, failure=job_failed())) for _ in range(2)]
    assert [report["already_over"] for report in reports] == [False, True]
    assert [kind for kind, _ in announced()].count("RunFailed") == 1


@pytest.mark.parametrize(("status", "code"), [("TIMED_OUT", "ExecutionTimedOut"), ("ABORTED", "ExecutionAborted")])
def test_an_execution_that_did_not_fail_by_itself_says_how_it_ended(
    call: Call, onsite: Site, status: str, code: str
) -> None:
    run = training(call, onsite, code.lower())
    call("report_failure", ended(run.execution, status))
    failure = now(run).failure
    assert failure is not None
    assert (now(run).status, failure.code, onsite.jobs(run)) == ("failed", code, [])


def test_a_cancelled_run_ends_as_cancelled_whatever_the_event_says(
    call: Call, onsite: Site, announced: Announced
) -> None:
    run = training(call, onsite, "cancelled")
    assert ledger.cancel(run, Cancellation(by="ada", reason="wrong data", at=clock.stamp()))
    call("report_failure", ended(run.execution, "ABORTED"))
    assert (now(run).status, onsite.jobs(run), onsite.pods(run), ledger.lease(run)) == ("cancelled", [], [], None)
    assert [d["failure"]["code"] for kind, d in announced() if kind == "RunCancelled"] == ["RunCancelled"]


def test_a_cancelled_run_stays_running_until_a_read_says_that_nothing_is_left(call: Call, onsite: Site) -> None:
    run = training(call, onsite, "unreachable")
    assert ledger.cancel(run, Cancellation(by="ada", reason="", at=clock.stamp()))
    onsite.cluster.pause()
    with pytest.raises(Problem):
        call("report_failure", ended(run.execution, "ABORTED"))
    assert (now(run).status, ledger.lease(run) is None) == ("running", False)
    onsite.cluster.resume()
    call("report_failure", ended(run.execution, "ABORTED"))
    assert (now(run).status, onsite.jobs(run), ledger.lease(run)) == ("cancelled", [], None)


def test_a_failure_is_told_at_once_and_what_is_left_goes_when_the_cluster_answers_again(
    call: Call, onsite: Site, announced: Announced
) -> None:
    run = training(call, onsite, "cut-off")
    onsite.cluster.pause()
    with pytest.raises(Problem):
        call("report_failure", ended(run.execution, failure=job_failed()))
    assert [kind for kind, _ in announced()].count("RunFailed") == 1
    assert (now(run).status, ledger.lease(run) is None) == ("failed", False)
    onsite.cluster.resume()
    assert call("report_failure", ended(run.execution, failure=job_failed()))["already_over"] is False
    assert (onsite.jobs(run), ledger.lease(run)) == ([], None)


def test_a_job_that_does_not_go_keeps_the_lease(call: Call, onsite: Site) -> None:
    run = training(call, onsite, "sticky")
    (job,) = onsite.jobs(run)
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    onsite.batch.patch_namespaced_job(job, onsite.namespace, hold)
    onsite.cluster.refuse(40, 503, None, "list", "pods")
    with pytest.raises((NotReady, Problem)):
        call("report_failure", ended(run.execution, failure=job_failed()))
    assert ledger.lease(run) is not None
    onsite.cluster.accept()
    onsite.batch.patch_namespaced_job(job, onsite.namespace, {"metadata": {"finalizers": None}})


def test_a_late_end_of_an_earlier_attempt_touches_nothing_of_the_next(
    call: Call, onsite: Site, announced: Announced
) -> None:
    plan = onsite.plan("late", SLEEPS)
    onsite.claim(plan, "e-late")
    call("report_failure", ended("e-late", failure=job_failed()))
    second = onsite.claim(plan, "e-late-2")
    call("submit_job", onsite.submission(plan, second))
    announced()
    reported = call("report_failure", ended("e-late", failure=job_failed()))
    assert reported["already_over"] is True
    assert (now(second).attempt, now(second).status) == (2, "running")
    assert (len(onsite.jobs(second)), ledger.lease(second) is None) == (1, False)
    assert [kind for kind, _ in announced() if kind in ("RunFailed", "RunCancelled")] == []


def test_an_upload_that_ended_before_it_was_a_run_has_failed_and_says_why(call: Call, announced: Announced) -> None:
    ledger.bind_upload(arrival())
    reported = call("report_failure", ended(EXECUTION, failure=job_failed()))
    found = ledger.arrival(upload())
    assert found is not None
    assert (reported["run_id"], found.status, found.failure) == ("", "failed", job_failed())
    ((kind, detail),) = announced()
    assert (kind, detail["project"], detail["run_id"], detail["execution"]) == ("RunFailed", "zoo", "", EXECUTION)


def test_an_upload_whose_execution_was_cancelled_is_cancelled(call: Call, announced: Announced) -> None:
    ledger.bind_upload(arrival())
    wish = Cancellation(by=Order(caller="ada", run=EXECUTION).caller, reason="", at=clock.stamp()).failure()
    call("report_failure", ended(EXECUTION, "ABORTED", wish, error="RunCancelled"))
    found = ledger.arrival(upload())
    assert found is not None
    assert (found.status, [kind for kind, _ in announced()]) == ("cancelled", ["RunCancelled"])


def test_a_rejected_upload_is_not_told_to_have_failed_as_well(call: Call, announced: Announced) -> None:
    ledger.bind_upload(arrival())
    arrivals.advance(upload(), EXECUTION, "rejected", None, job_failed())
    assert call("report_failure", ended(EXECUTION, failure=job_failed()))["already_over"] is True
    assert announced() == []


def test_a_cause_that_nobody_foresaw_keeps_its_raw_text(call: Call) -> None:
    ledger.bind_upload(arrival())
    call("report_failure", ended(EXECUTION, error="KeyError", cause="'listing'"))
    found = ledger.arrival(upload())
    assert found is not None
    assert found.failure is not None
    assert (found.failure.code, found.failure.why) == ("Unexpected", "'listing'")


def test_an_execution_that_its_upload_is_not_bound_to_is_told_once_and_changes_nothing(
    call: Call, announced: Announced
) -> None:
    """A scheduled repetition that fails before it is a run."""
    ledger.bind_upload(arrival())
    repetition = ended("zoo-birds-0123456789abcdef-r0123abcd", failure=job_failed())
    assert [call("report_failure", repetition)["already_over"] for _ in range(2)] == [False, True]
    assert [(kind, detail["failure"]["code"]) for kind, detail in announced()] == [("RunFailed", "JobFailed")]
    assert ledger.arrival(upload()) == arrival()


def test_an_upload_whose_cancellation_stopped_it_is_cancelled(call: Call, announced: Announced) -> None:
    ledger.bind_upload(arrival())
    wish = Cancellation(by="ada", reason="wrong data", at=clock.stamp())
    assert ledger.cancel_arrival(arrival(), wish)
    call("report_failure", ended(EXECUTION, "ABORTED"))
    found = ledger.arrival(upload())
    assert found is not None
    assert (found.status, [kind for kind, _ in announced()]) == ("cancelled", ["RunCancelled"])
