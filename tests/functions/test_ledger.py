"""The ledger's conditions: who was first stays first, what has ended stays ended, and an old token opens nothing."""

import pytest
from dropforge.adapters import ledger, table, waits
from dropforge.domain.file_systems import FileSystemTask
from dropforge.domain.runs import Progress, Run, Status, Wait
from dropforge.domain.waiting import for_job, for_task

from tests.builders import NOW, arrival, dataset, lease, planned, run, upload


def wait(token: str) -> Wait:
    return for_job(run(), planned(), planned().steps[1], token)


def only_wait() -> Wait:
    (found,) = waits.of_cluster(run().cluster)
    return found


def test_an_upload_is_bound_to_the_execution_that_came_first() -> None:
    assert ledger.bind_upload(arrival("e-1")).execution == "e-1"
    assert ledger.bind_upload(arrival("e-2")).execution == "e-1"


def test_only_the_bound_execution_writes_what_became_of_an_upload() -> None:
    ledger.bind_upload(arrival("e-1"))
    ledger.record_arrival(arrival("e-2").model_copy(update={"status": "failed"}))
    ledger.record_arrival(arrival("e-1").model_copy(update={"status": "ready"}))
    assert ledger.arrival(upload()) == arrival("e-1").model_copy(update={"status": "ready"})


def test_an_upload_is_found_by_its_short_id() -> None:
    ledger.bind_upload(arrival())
    assert ledger.arrival_by_id(upload().id) == arrival()
    assert ledger.arrival_by_id("0" * 16) is None


def test_a_run_is_claimed_once() -> None:
    assert ledger.claim(run(execution="e-1"), lease())
    assert not ledger.claim(run(execution="e-2"), lease())
    assert ledger.run(run().id) == run(execution="e-1")


@pytest.mark.parametrize("status", ["running", "succeeded"])
def test_a_run_that_runs_or_has_its_model_gets_no_next_attempt(status: Status) -> None:
    ledger.claim(run(status), lease())
    assert not ledger.claim_next(run(attempt=2), lease())


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_the_next_attempt_follows_the_newest_and_no_other(status: Status) -> None:
    ledger.claim(run(status), lease())
    assert not ledger.claim_next(run(attempt=3), lease())
    assert ledger.claim_next(run(attempt=2), lease())
    assert not ledger.claim_next(run(attempt=2), lease())


def test_an_attempt_that_has_failed_is_not_begun_again_under_its_own_number() -> None:
    ledger.claim(run("failed"), lease())
    ledger.claim_next(run(attempt=2), lease())
    ledger.end(run("failed", attempt=2))
    assert not ledger.claim_next(run(attempt=2, execution="late"), lease())
    assert ledger.claim_next(run(attempt=3), lease())


def test_a_terminal_status_never_changes() -> None:
    ledger.claim(run(), lease())
    assert ledger.end(run("failed"))
    assert not ledger.end(run("succeeded"))
    assert ledger.run(run().id) == run("failed")


@pytest.mark.parametrize("other", [run("failed", attempt=2), run("failed", execution="e-2")])
def test_only_the_attempt_and_execution_that_hold_a_run_end_it(other: Run) -> None:
    ledger.claim(run(), lease())
    assert not ledger.end(other)
    assert ledger.run(run().id) == run()


def test_a_lease_is_written_read_and_given_back() -> None:
    ledger.claim(run(), lease())
    assert ledger.lease(run()) == lease()
    assert list(ledger.leases()) == [lease()]
    assert ledger.lease(run(attempt=2)) is None
    ledger.release_lease(run())
    assert ledger.lease(run()) is None


def test_giving_a_lease_back_twice_is_no_fault() -> None:
    ledger.release_lease(run())
    assert ledger.lease(run()) is None


def test_entering_a_state_again_replaces_its_token() -> None:
    waits.add(wait("first"))
    waits.add(wait("second"))
    assert only_wait().token == "second"


def test_an_old_token_moves_and_ends_nothing() -> None:
    waits.add(wait("second"))
    assert not waits.update(wait("first").model_copy(update={"phase": "running"}))
    waits.end(wait("first"))
    assert only_wait() == wait("second")


def test_a_wait_is_moved_and_ended_by_its_own_token() -> None:
    waits.add(wait("first"))
    assert waits.update(wait("first").model_copy(update={"phase": "running"}))
    assert only_wait().phase == "running"
    waits.end(wait("first"))
    assert waits.of_cluster(run().cluster) == []
    assert not waits.update(wait("first"))


def test_all_waits_of_a_cluster_are_found_and_those_of_others_are_not() -> None:
    mine = [
        for_task(run(), FileSystemTask(file_system="fs-1", kind="import", paths=("s3://b/k",)), "a", NOW),
        wait("b"),
        for_job(run(attempt=2), planned(), planned().steps[1], "c"),
    ]
    for one in (*mine, wait("first").model_copy(update={"cluster": "other"})):
        waits.add(one)
    assert {one.token for one in waits.of_cluster("research")} == {"a", "b", "c"}
    assert waits.watched_clusters() == ["other", "research"]


def test_a_cluster_is_watched_by_one_at_a_time() -> None:
    assert waits.begin_watch("research", "one", now=100, seconds=55)
    assert not waits.begin_watch("research", "two", now=120, seconds=55)
    assert waits.begin_watch("other", "two", now=120, seconds=55)


def test_a_watch_that_died_is_taken_over_once_it_has_run_out() -> None:
    waits.begin_watch("research", "one", now=100, seconds=55)
    assert not waits.begin_watch("research", "two", now=155, seconds=55)
    assert waits.begin_watch("research", "two", now=156, seconds=55)


def test_only_who_watches_gives_the_watch_back() -> None:
    waits.begin_watch("research", "one", now=100, seconds=55)
    waits.end_watch("research", "two")
    assert not waits.begin_watch("research", "three", now=101, seconds=55)
    waits.end_watch("research", "one")
    assert waits.begin_watch("research", "three", now=101, seconds=55)


def test_progress_lies_beside_the_run_and_does_not_touch_it() -> None:
    ledger.claim(run(), lease())
    waits.record_progress(run().id, Progress(step="train", job="j", phase="running", done=3, losses=(2.5, 2.0)))
    assert waits.progress(run().id) == Progress(step="train", job="j", phase="running", done=3, losses=(2.5, 2.0))
    assert ledger.run(run().id) == run()


def test_a_dataset_version_is_written_once() -> None:
    ledger.record_dataset(dataset())
    ledger.record_dataset(dataset(drop=upload(version_id="v2")))
    found = table.get(f"DATASET#{dataset().id}", "DATASET", type(dataset()))
    assert found == dataset()
