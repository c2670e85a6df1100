"""Sweep: what events missed is found and mended by the door the event would have used; nothing else is touched; one bad thing stops no other."""

import contextlib
import json
from collections.abc import Callable

import pytest
from dropforge.adapters import admissions, aws, clock, ledger, machine, marks, storage
from dropforge.domain.datasets import execution_name
from dropforge.domain.runs import Arrival, Cancellation, Run
from dropforge.domain.uploads import Drop, Upload
from time_machine import travel

from tests.builders import EXECUTION, arrival, dataset, job_failed, upload
from tests.contracts.repository import Document
from tests.functions.conftest import Call
from tests.functions.site import SLEEPS, Site, until
from tests.functions.sweeping import LATER, NOTHING, RECEIVE_DROP, created, dead_letters, sweep, sweep_cluster, write
from tests.functions.test_receive_drop import executions
from tests.functions.wires import Functions, refusing

Announced = Callable[[], list[tuple[str, Document]]]
Put = Callable[[str, bytes], Upload]


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch, account: None) -> str:
    return dead_letters(monkeypatch)


def test_with_nothing_open_a_sweep_does_nothing_and_tells_nothing(
    call: Call, others: Functions, announced: Announced
) -> None:
    assert sweep(call) == NOTHING
    assert (others.events, announced()) == ([], [])


def test_an_upload_that_nobody_has_heard_of_is_handed_in_once(call: Call, others: Functions, put: Put) -> None:
    which = put("datasets/zoo/birds/train.jsonl", b"rows")
    assert sweep(call)["uploads"] == 1
    others.deliver()
    (execution,) = executions()
    assert Drop.model_validate_json(execution["input"]).upload == which
    assert sweep(call)["uploads"] == 0


def test_an_upload_that_is_only_late_or_very_old_or_no_drop_is_left_alone(
    call: Call, others: Functions, put: Put
) -> None:
    put("datasets/zoo/birds/train.jsonl", b"rows")
    assert sweep(call, 0)["uploads"] == 0
    assert sweep(call, 15 * 24)["uploads"] == 0
    aws.s3().delete_object(Bucket="dropforge-test-datasets", Key="datasets/zoo/birds/train.jsonl")
    put("datasets/Zoo/birds/train.jsonl", b"rows")
    put("datasets/zoo/birds/report.json", b"rows")
    put("datasets/zoo/birds/.dropforge/0123456789abcdef/files.json", b"rows")
    assert [payload["detail"]["object"]["key"] for _, payload in others.events] == []


def test_a_large_bucket_is_gone_through_slice_by_slice(
    call: Call, others: Functions, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "PAGES", 1)
    for number in range(1001):
        aws.s3().put_object(Bucket="dropforge-test-datasets", Key=f"datasets/zoo/birds/note-{number:04}.txt", Body=b"")
    put("datasets/zoo/birds/train.jsonl", b"rows")
    first, second = sweep(call)["uploads"], sweep(call)["uploads"]
    assert (first, second, marks.bucket_marker()) == (0, 1, marks.Marker())


def received(execution: str) -> Arrival:
    """An upload that was bound to its execution long ago."""
    one = arrival(execution).model_copy(update={"at": clock.stamp(), "run": {"recipe": "tiny"}})
    return ledger.bind_upload(one)


def test_an_execution_that_was_named_and_never_started_is_started(call: Call, others: Functions) -> None:
    received(EXECUTION)
    assert sweep(call, 0)["starts"] == 0
    assert sweep(call)["starts"] == 1
    others.deliver()
    (execution,) = executions()
    wanted = Drop.model_validate_json(execution["input"])
    assert (execution["name"], wanted.run) == (EXECUTION, {"recipe": "tiny"})
    assert sweep(call)["starts"] == 0


def test_an_upload_whose_end_nobody_heard_of_is_ended(call: Call, others: Functions, announced: Announced) -> None:
    received(EXECUTION)
    machine.start(EXECUTION, Drop(upload=upload()))
    machine.stop(EXECUTION, job_failed())
    assert sweep(call)["starts"] == 1
    found = ledger.arrival(upload())
    assert found is not None
    assert (found.status, [kind for kind, _ in announced()]) == ("failed", ["RunFailed"])
    assert sweep(call) == NOTHING


def training(call: Call, onsite: Site, name: str) -> Run:
    plan = onsite.plan(name, SLEEPS)
    execution = execution_name("zoo", "birds", upload())
    ledger.bind_upload(arrival(execution))
    machine.start(execution, Drop(upload=upload()))
    run = admissions.claim(plan, dataset(), execution).run
    call("submit_job", onsite.submission(plan, run))
    until(lambda: onsite.phase(run) == "Running")
    return run


def status(run: Run) -> str:
    found = ledger.run(run.id)
    assert found is not None
    return found.status


def test_a_run_whose_execution_is_over_is_ended_and_torn_down(call: Call, onsite: Site, others: Functions) -> None:
    run = training(call, onsite, "unheard")
    assert sweep_cluster(call)["runs"] == 0
    machine.stop(run.execution, job_failed())
    with contextlib.suppress(ExceptionGroup):
        sweep_cluster(call)
    until(lambda: gone(call, onsite, run))
    assert (status(run), onsite.jobs(run), ledger.lease(run)) == ("failed", [], None)


def gone(call: Call, onsite: Site, run: Run) -> bool:
    """One sweep more of the cluster, later: each looks once, and pods take their time to stop."""
    with contextlib.suppress(ExceptionGroup):
        sweep_cluster(call, 3 * LATER)
    return not onsite.pods(run) and ledger.lease(run) is None


def test_each_cluster_with_a_lease_is_handed_out_to_an_invocation_of_its_own(
    call: Call, onsite: Site, others: Functions
) -> None:
    onsite.claim(onsite.plan("leased", SLEEPS), "e-leased")
    sweep(call, 0)
    assert others.events == [("sweep", {"cluster": "research"})]


def test_a_teardown_that_was_cut_off_is_finished(call: Call, onsite: Site, others: Functions) -> None:
    run = training(call, onsite, "half-gone")
    assert ledger.end(run.model_copy(update={"status": "failed", "failure": job_failed(), "ended_at": clock.stamp()}))
    until(lambda: gone(call, onsite, run))
    assert (status(run), onsite.jobs(run), ledger.lease(run)) == ("failed", [], None)


def idle_money(printed: str) -> list[float]:
    lines = [json.loads(line) for line in printed.splitlines() if '"IdleUsd"' in line]
    return [value for line in lines for value in line["IdleUsd"]]


def test_what_a_run_that_is_over_may_still_cost_is_counted_until_nothing_is_left_of_it(
    call: Call, onsite: Site, others: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = onsite.plan("costly", SLEEPS).model_copy(update={"price_usd": 12.5})
    run = onsite.claim(plan, "e-costly")
    sweep(call)
    assert idle_money(capsys.readouterr().out) == [0.0]  # it runs: that is what the money is for
    assert ledger.end(run.model_copy(update={"status": "failed", "failure": job_failed(), "ended_at": clock.stamp()}))
    sweep(call, 0)
    sweep(call)
    assert idle_money(capsys.readouterr().out) == [0.0, 12.5]  # a teardown takes its time
    until(lambda: gone(call, onsite, run))
    sweep(call)
    assert idle_money(capsys.readouterr().out) == [0.0]


def test_a_wish_to_cancel_that_was_cut_off_stops_the_execution(call: Call, onsite: Site, others: Functions) -> None:
    run = training(call, onsite, "half-cancelled")
    assert ledger.cancel(run, Cancellation(by="ada", reason="", at=clock.stamp()))
    assert sweep(call)["runs"] == 1
    (execution,) = executions()
    assert execution["status"] == "ABORTED"
    assert sweep(call)["runs"] == 0
    until(lambda: gone(call, onsite, run))
    assert (status(run), onsite.jobs(run), ledger.lease(run)) == ("cancelled", [], None)


def test_an_upload_that_was_cancelled_before_it_was_started_ends_so(
    call: Call, others: Functions, announced: Announced
) -> None:
    received(EXECUTION)
    found = ledger.arrival(upload())
    assert found is not None
    assert ledger.cancel_arrival(found, Cancellation(by="ada", reason="", at=clock.stamp()))
    assert sweep(call)["starts"] == 1
    ended = ledger.arrival(upload())
    assert ended is not None
    assert (ended.status, [kind for kind, _ in announced()], others.events) == ("cancelled", ["RunCancelled"], [])


def test_a_run_that_outlives_its_lease_is_stopped_and_that_is_told(
    call: Call, onsite: Site, others: Functions, announced: Announced
) -> None:
    run = training(call, onsite, "expired")
    announced()
    sweep(call, 24 * 9)  # within a wait for quota of a week for each of its two jobs
    assert executions()[0]["status"] == "RUNNING"
    sweep(call, 24 * 40)
    (execution,) = executions()
    assert execution["status"] == "ABORTED"
    assert "LeaseExpired" in [kind for kind, _ in announced()]
    assert status(run) == "running"  # it ends when a read has found nothing left


def test_a_job_whose_attempt_holds_no_lease_is_deleted_and_told_and_others_stay(
    call: Call, onsite: Site, others: Functions, announced: Announced
) -> None:
    run = training(call, onsite, "kept")
    plan = onsite.plan("stray", SLEEPS)
    call("submit_job", onsite.submission(plan, onsite.claim(plan, "e-stray")))
    stray = ledger.run(plan.run_id)
    assert stray is not None
    ledger.release_lease(stray)
    announced()
    with travel(clock.later(LATER)):
        assert call("sweep", {"cluster": "research"})["jobs"] == 1
    until(lambda: not onsite.jobs(stray))
    ((kind, detail),) = announced()
    assert (kind, detail["did"], len(onsite.jobs(run))) == ("DriftFound", "deleted them", 1)


def test_a_young_job_without_a_lease_is_left_alone(call: Call, onsite: Site) -> None:
    plan = onsite.plan("young", SLEEPS)
    run = onsite.claim(plan, "e-young")
    call("submit_job", onsite.submission(plan, run))
    ledger.release_lease(run)
    assert call("sweep", {"cluster": "research"})["jobs"] == 0
    assert len(onsite.jobs(run)) == 1


def test_a_job_of_another_environment_on_the_cluster_is_left_alone(call: Call, onsite: Site) -> None:
    plan = onsite.plan("neighbour", SLEEPS).model_copy(update={"environment": "prod"})
    run = onsite.claim(plan, "e-neighbour")
    call("submit_job", onsite.submission(plan, run))
    ledger.release_lease(run)
    with travel(clock.later(LATER)):
        assert call("sweep", {"cluster": "research"})["jobs"] == 0
    assert len(onsite.jobs(run)) == 1


def test_a_cluster_that_cannot_be_reached_stops_no_other_part(
    call: Call, onsite: Site, others: Functions, queue: str
) -> None:
    run = training(call, onsite, "unreachable")
    machine.stop(run.execution, job_failed())
    onsite.cluster.pause()
    write(queue, created(upload(version_id="v2")), RECEIVE_DROP)
    sweep(call)
    assert ("receive_drop", created(upload(version_id="v2"))) in others.events
    with pytest.raises(ExceptionGroup):
        sweep_cluster(call)
    assert (status(run), ledger.lease(run) is None) == ("failed", False)
    onsite.cluster.resume()
    until(lambda: gone(call, onsite, run))
    assert (onsite.jobs(run), ledger.lease(run)) == ([], None)


def test_a_busy_table_fails_the_sweep_aloud_and_the_next_one_goes_on(call: Call, others: Functions) -> None:
    received(EXECUTION)
    with refusing(aws.dynamodb(), "Query", "ThrottlingException", 4), pytest.raises(ExceptionGroup):
        sweep(call)
    assert sweep(call)["starts"] == 1
