"""DescribeRun: one journey out of the ledger and Step Functions, with a timeline that says who, why and at what price."""

from collections.abc import Callable

from dropforge.adapters import admissions, clock, ledger, machine, timeline, waits
from dropforge.domain.events import DatasetReady, RunAdmitted, RunCancelled, RunFailed, RunPlanned
from dropforge.domain.failures import failure
from dropforge.domain.runs import Progress, Run
from dropforge.domain.uploads import Drop
from time_machine import travel

from tests.builders import EXECUTION, arrival, dataset, job_failed, planned, upload
from tests.functions.acting import ask, describe
from tests.functions.conftest import Call


def running() -> Run:
    machine.start(EXECUTION, Drop(upload=upload()))
    ledger.bind_upload(arrival())
    return admissions.claim(planned(), dataset(), EXECUTION).run


def admitted(attempt: int) -> RunAdmitted:
    return RunAdmitted(project="zoo", run_id=planned().run_id, attempt=attempt, execution=f"e-{attempt}")


def ready() -> DatasetReady:
    return DatasetReady(project="zoo", dataset_id="zoo/birds/1", digest="d", rows=4, report_uri="s3://b/report.json")


def test_a_run_is_found_by_its_id_its_execution_and_its_upload(call: Call) -> None:
    run = running()
    found = [describe(name) for name in (run.id, EXECUTION, upload().id)]
    assert [journey["run"]["id"] for journey in found] == [run.id] * 3
    assert {journey["status"] for journey in found} == {"RUNNING"}


def test_an_upload_is_described_before_it_is_a_run(call: Call) -> None:
    ledger.bind_upload(arrival())
    timeline.tell_of_upload(upload(), ready())
    journey = describe(upload().id)
    assert (journey["run"], journey["status"]) == (None, "STARTING")
    assert [entry["what"] for entry in journey["timeline"]] == ["DatasetReady"]


def test_what_nobody_knows_is_not_found(call: Call) -> None:
    status, answer = ask("describe_run", "birds-000000000000", "arn:aws:iam::123456789012:user/somebody")
    assert (status, answer["code"]) == (404, "RunNotFound")


def test_a_timeline_joins_upload_and_attempts_in_the_order_of_time(call: Call) -> None:
    run = running()
    told: tuple[tuple[int, Callable[[], None]], ...] = (
        (3, lambda: timeline.tell_of_run(run.id, admitted(2))),
        (1, lambda: timeline.tell_of_run(run.id, admitted(1))),
        (2, lambda: timeline.tell_of_run(run.id, failed(run, 1))),
        (0, lambda: timeline.tell_of_upload(upload(), ready())),
    )
    for minute, tell in told:
        with travel(f"2026-11-26T10:0{minute}:00Z", tick=False):
            tell()
    entries = describe(run.id)["timeline"]
    assert [(entry["what"], entry["attempt"]) for entry in entries] == [
        ("DatasetReady", None),
        ("RunAdmitted", 1),
        ("RunFailed", 1),
        ("RunAdmitted", 2),
    ]
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)


def failed(run: Run, attempt: int) -> RunFailed:
    return RunFailed(project="zoo", run_id=run.id, attempt=attempt, execution=EXECUTION, failure=job_failed())


def test_an_entry_says_who_why_and_at_what_price(call: Call) -> None:
    run = running()
    timeline.tell_of_run(
        run.id, RunPlanned(project="zoo", run_id=run.id, dataset_id="zoo/birds/1", recipe="tiny", price_usd=12.5)
    )
    gone = failure("RunCancelled", "ada cancelled it: wrong data")
    cancelled = RunCancelled(project="zoo", run_id=run.id, attempt=1, execution=EXECUTION, failure=gone)
    timeline.tell_of_run(run.id, cancelled, "arn:aws:iam::1:user/ada")
    planned_line, cancelled_line = describe(run.id)["timeline"]
    assert (planned_line["actor"], planned_line["price_usd"]) == ("dropforge", 12.5)
    assert (cancelled_line["actor"], cancelled_line["reason"]) == (
        "arn:aws:iam::1:user/ada",
        "RunCancelled: ada cancelled it: wrong data",
    )


def test_the_same_said_again_is_one_line(call: Call) -> None:
    run = running()
    for second in range(3):
        with travel(f"2026-11-26T10:00:0{second}Z", tick=False):
            timeline.tell_of_run(run.id, admitted(1))
    (entry,) = describe(run.id)["timeline"]
    assert entry["at"].startswith("2026-11-26T10:00:00")


def test_only_the_newest_lines_of_a_long_timeline_are_given(call: Call) -> None:
    run = running()
    for attempt in range(1, 81):
        with travel(f"2026-11-26T10:{attempt // 60:02}:{attempt % 60:02}Z", tick=False):
            timeline.tell_of_run(run.id, admitted(attempt))
    entries = describe(run.id)["timeline"]
    assert [entry["attempt"] for entry in entries] == list(range(21, 81))


def test_a_failure_is_that_of_the_execution_that_is_asked_for(call: Call) -> None:
    run = running()
    assert ledger.end(run.model_copy(update={"status": "failed", "failure": job_failed(), "ended_at": clock.stamp()}))
    ledger.release_lease(run)
    assert describe(run.id)["failure"]["code"] == "JobFailed"
    second = admissions.claim(planned(), dataset(), "birds-2").run
    assert second.attempt == 2
    assert describe(run.id)["failure"] is None


def test_the_retry_on_its_way_is_where_a_run_is(call: Call) -> None:
    run = running()
    assert ledger.end(run.model_copy(update={"status": "failed", "failure": job_failed(), "ended_at": clock.stamp()}))
    bound = arrival("birds-2").model_copy(update={"number": 2, "run_id": run.id})
    before = arrival(status="failed").model_copy(update={"run_id": run.id})
    assert ledger.record_arrival(before)
    assert ledger.bind_again(bound, before)
    journey = describe(run.id)
    assert (journey["execution"], journey["run"]["attempt"], journey["failure"]) == ("birds-2", 1, None)


def test_a_repetition_that_is_not_admitted_yet_is_not_the_first_run(call: Call) -> None:
    running()
    repetition = f"zoo-birds-{upload().id}-r0123abcd"
    machine.start(repetition, Drop(upload=upload()))
    journey = describe(repetition)
    assert (journey["execution"], journey["status"], journey["run"]) == (repetition, "RUNNING", None)


def test_the_answer_stays_within_its_limit_whatever_a_run_has_said(call: Call) -> None:
    run = running()
    long = "x" * 3000
    for attempt in range(1, 41):
        timeline.tell_of_run(run.id, failed(run, attempt).model_copy(update={"failure": failure("JobFailed", long)}))
    tail = tuple(long[:400] for _ in range(20))
    waits.record_progress(run.id, Progress(step="train", job="j", phase="running", tail=tail))
    journey = describe(run.id)
    assert 0 < len(journey["timeline"]) < 40
    assert journey["timeline"][-1]["attempt"] == 40
