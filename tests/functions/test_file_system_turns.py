"""One file system, many runs: one task at a time, in the order of asking, and a turn that is never left with somebody who is gone."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from dropforge import naming
from dropforge.adapters import aws, file_system_turns, ledger, table, teardown, waits
from dropforge.domain.file_systems import Turn
from dropforge.domain.runs import Run, Wait
from dropforge.errors import Conflict, InvalidInput

from tests import builders
from tests.contracts.repository import Document
from tests.functions.acting import describe
from tests.functions.conftest import MODELS, Call
from tests.functions.lustre import Lustre
from tests.functions.site import Site
from tests.functions.wires import refusing

TICK = {"cluster": "research"}
DIGEST = "c" * 64
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def fsx(onsite: Site) -> Lustre:
    return onsite.lustre


Promote = Callable[[str], Run]


@pytest.fixture
def promote(call: Call, onsite: Site) -> Promote:
    """A run that asks for its export."""

    def ask(name: str) -> Run:
        run = onsite.claim(onsite.plan(name, ""), f"e-{name}")
        call("promote_checkpoint", to_promote(onsite, run, name))
        return run

    return ask


def to_promote(onsite: Site, run: Run, name: str) -> Document:
    told: dict[str, object] = {"step": "verify", "job": "j", "log_uri": "", "message": {"manifest_sha256": DIGEST}}
    plan = onsite.plan(name, "").model_dump(mode="json")
    return {"plan": plan, "run": run.model_dump(mode="json"), "jobs": [told], "token": f"token-{name}"}


def export(run: Run) -> str:
    return naming.job(run.id, run.attempt, "export")


def turn() -> Turn | None:
    return table.get(f"FILESYSTEM#{builders.CLUSTER.file_system}", "TURN", Turn)


def wait_of(run: Run) -> Wait | None:
    return waits.one("research", export(run))


def test_exports_that_are_asked_for_together_are_done_one_after_another_in_order(
    call: Call, onsite: Site, fsx: Lustre, promote: Promote
) -> None:
    runs = [promote(f"many-{number}") for number in range(5)]
    for done in range(5):
        assert fsx.began() == [export(run) for run in runs[: done + 1]]
        fsx.end()
        call("watch_jobs", TICK)
    assert (fsx.refused, turn(), waits.of_cluster("research")) == (0, None, [])
    assert [token for token, _ in onsite.tokens] == [f"token-many-{number}" for number in range(5)]


def test_who_waits_is_told_for_whom_once(call: Call, onsite: Site, fsx: Lustre, promote: Promote) -> None:
    first, second = promote("first"), promote("second")
    call("watch_jobs", TICK)
    progress = waits.progress(second.id)
    assert progress is not None
    assert (progress.phase, progress.reason) == ("queued", f"the file system is busy with the export of run {first.id}")
    at = progress.at
    call("watch_jobs", TICK)
    again = waits.progress(second.id)
    assert again is not None
    assert (again.at, fsx.refused) == (at, 0)
    assert describe(second.id)["progress"]["reason"] == progress.reason


def test_files_that_could_not_be_exported_are_named_and_harm_no_other_run(
    call: Call, onsite: Site, fsx: Lustre, promote: Promote
) -> None:
    bad, good = promote("bad"), promote("good")
    report = fsx.tasks[0]["Report"]
    assert report == {
        "Enabled": True,
        "Path": f"s3://{MODELS}/exports/task-reports/{bad.id}/1",
        "Format": "REPORT_CSV_20191124",
        "Scope": "FAILED_FILES_ONLY",
    }
    text = io.StringIO()
    csv.writer(text).writerows([("exports/zoo/a,b", "failed", "S3AccessDenied")] * 25)
    key = f"exports/task-reports/{bad.id}/1/{fsx.tasks[0]['TaskId']}/failures.csv"
    aws.s3().put_object(Bucket=MODELS, Key=key, Body=text.getvalue())
    fsx.end("FAILED", Status={"TotalCount": 30, "FailedCount": 25}, FailureDetails={"Message": "25 files failed"})
    call("watch_jobs", TICK)
    fsx.end()
    call("watch_jobs", TICK)
    (_, failed), (token, answer) = onsite.tokens
    assert (failed["error"], token, "output" in answer) == ("WorkloadFailed", "token-good", True)
    assert failed["cause"].count("exports/zoo/a,b: S3AccessDenied") == 20
    assert wait_of(good) is None


def test_a_success_with_failed_files_is_a_failure(call: Call, onsite: Site, fsx: Lustre, promote: Promote) -> None:
    promote("partly")
    fsx.end("SUCCEEDED", Status={"TotalCount": 3, "FailedCount": 1})
    call("watch_jobs", TICK)
    ((_, answer),) = onsite.tokens
    assert ("1 of 3 files failed" in answer["cause"], "failed_files" in answer["cause"]) == (True, True)


def test_files_that_failed_are_a_failure_also_where_the_report_cannot_be_read(
    call: Call, onsite: Site, fsx: Lustre, promote: Promote
) -> None:
    bad, good = promote("bad"), promote("good")
    fsx.end("FAILED", Status={"TotalCount": 3, "FailedCount": 2})
    with refusing(aws.s3(), "GetObject", "AccessDenied", 1, status=403):
        call("watch_jobs", TICK)
    ((token, failed),) = onsite.tokens
    assert (token, "report_unreadable" in failed["cause"]) == ("token-bad", True)
    assert (wait_of(bad), fsx.began()) == (None, [export(bad), export(good)])


def test_a_task_that_fsx_refuses_for_good_ends_its_run_and_keeps_nobody_waiting(
    call: Call, onsite: Site, fsx: Lustre, promote: Promote
) -> None:
    first, never, third = (promote(name) for name in ("one", "two", "three"))
    fsx.never.append(export(never))
    fsx.end()
    for _ in range(2):
        call("watch_jobs", TICK)
    assert [(token, answer.get("error", "")) for token, answer in onsite.tokens] == [
        ("token-one", ""),
        ("token-two", "InvalidInput"),
    ]
    assert "no association covers the path" in onsite.tokens[1][1]["cause"]
    assert fsx.began() == [export(first), export(third)]


def test_a_copy_has_a_day_from_its_start_and_time_in_line_does_not_count(
    call: Call, onsite: Site, fsx: Lustre, promote: Promote
) -> None:
    with time_machine.travel(NOW, tick=False):
        slow, next_one = promote("slow"), promote("next")
    for hours, tokens in ((23, []), (25, ["token-slow"])):
        with time_machine.travel(NOW + timedelta(hours=hours), tick=False):
            call("watch_jobs", TICK)
        assert [token for token, _ in onsite.tokens] == tokens
    assert "longer than 24 hours" in onsite.tokens[0][1]["cause"]
    assert (wait_of(slow), fsx.tasks[0]["Lifecycle"]) == (None, "CANCELING")
    fsx.end("CANCELED")
    with time_machine.travel(NOW + timedelta(hours=48), tick=False):
        call("watch_jobs", TICK)
    assert fsx.began() == [export(slow), export(next_one)]
    assert len(onsite.tokens) == 1


def test_a_task_that_fsx_refuses_at_once_says_whose_move_it_is(
    call: Call, onsite: Site, fsx: Lustre, members: str
) -> None:
    run = onsite.claim(onsite.plan("never", ""), "e-never")
    fsx.never.append(export(run))
    with pytest.raises(InvalidInput) as raised:
        call("promote_checkpoint", to_promote(onsite, run, "never"))
    assert (raised.value.failure.code, raised.value.failure.whose) == ("FileSystemRefused", "the platform team")


def test_asking_again_is_the_same_task_for_the_newest_token(
    call: Call, onsite: Site, fsx: Lustre, promote: Promote
) -> None:
    run = promote("twice")
    call("promote_checkpoint", to_promote(onsite, run, "twice") | {"token": "token-2"})
    fsx.end()
    call("watch_jobs", TICK)
    assert ([token for token, _ in onsite.tokens], len(fsx.tasks)) == (["token-2"], 1)


def test_while_the_file_system_does_something_that_is_not_ours_the_first_in_line_waits(
    call: Call, onsite: Site, fsx: Lustre, promote: Promote
) -> None:
    fsx.stranger(builders.CLUSTER.file_system)
    run = promote("patient")
    call("watch_jobs", TICK)
    progress = waits.progress(run.id)
    assert progress is not None
    assert progress.reason == "the file system is busy with a task that is not Dropforge's"
    fsx.end()
    call("watch_jobs", TICK)
    assert fsx.began() == [export(run)]


def test_a_task_that_was_begun_by_who_died_before_writing_it_down_is_found(
    call: Call, onsite: Site, fsx: Lustre, promote: Promote
) -> None:
    run = promote("forgotten")
    wait = wait_of(run)
    assert wait is not None
    waits.update(wait.model_copy(update={"reference": ""}))
    call("watch_jobs", TICK)
    fsx.end()
    call("watch_jobs", TICK)
    assert ([token for token, _ in onsite.tokens], len(fsx.tasks)) == (["token-forgotten"], 1)


def test_the_turn_of_a_run_that_is_gone_is_passed_on_once_its_task_has_ended(
    call: Call, onsite: Site, fsx: Lustre, promote: Promote
) -> None:
    gone, next_one = promote("gone"), promote("next")
    teardown.clear(gone)
    assert wait_of(gone) is None
    assert fsx.tasks[0]["Lifecycle"] == "CANCELING"
    call("watch_jobs", TICK)
    assert fsx.began() == [export(gone)]
    fsx.end("CANCELED")
    call("watch_jobs", TICK)
    assert fsx.began() == [export(gone), export(next_one)]


def test_a_run_that_ends_while_it_waits_in_line_never_begins(
    call: Call, onsite: Site, fsx: Lustre, promote: Promote
) -> None:
    first, second, third = (promote(name) for name in ("one", "two", "three"))
    stale = waits.of_cluster("research")  # what a look has read before
    teardown.clear(second)
    fsx.end()
    for wait in stale:
        if wait.name == export(first):
            waits.end(wait)
    file_system_turns.go_on(stale)
    begun = dict(zip(fsx.began(), (task["Lifecycle"] for task in fsx.tasks), strict=True))
    assert begun.get(export(second)) in (None, "CANCELING")
    assert wait_of(second) is None
    assert wait_of(third) is not None


def test_what_a_run_asks_for_after_somebody_has_cancelled_it_is_undone(
    call: Call, onsite: Site, fsx: Lustre, members: str
) -> None:
    run = onsite.claim(onsite.plan("late", ""), "e-late")
    cancelled = run.model_copy(update={"status": "cancelled"})
    assert ledger.end(cancelled)
    with pytest.raises(Conflict) as raised:
        call("promote_checkpoint", to_promote(onsite, run, "late"))
    assert raised.value.failure.code == "RunOver"
    assert ([task["Lifecycle"] for task in fsx.tasks], wait_of(run)) == (["CANCELING"], None)
