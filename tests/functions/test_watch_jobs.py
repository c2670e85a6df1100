"""WatchJobs: what moved is told once, what ended answers its token once, and a cluster that cannot be reached loses nothing."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from dropforge.adapters import aws, clock, waits
from dropforge.domain.runs import Run, Wait
from dropforge.errors import Unavailable
from time_machine import travel

from tests.contracts.repository import Document
from tests.functions.acting import describe
from tests.functions.conftest import MODELS, Call
from tests.functions.site import DONE, FAILS, SLEEPS, Site, until, writes
from tests.functions.wires import Functions

Announced = Callable[[], list[tuple[str, Document]]]
TICK = {"cluster": "research"}


def submitted(call: Call, onsite: Site, name: str, program: str) -> Run:
    plan = onsite.plan(name, program)
    run = onsite.claim(plan, f"e-{name}")
    call("submit_job", onsite.submission(plan, run))
    return run


def wait() -> Wait:
    (found,) = waits.of_cluster("research")
    return found


def test_a_job_that_has_done_its_work_answers_its_token_once_with_its_message(call: Call, onsite: Site) -> None:
    run = submitted(call, onsite, "done", DONE)
    onsite.job_is(run, "Complete")
    looks = [call("watch_jobs", TICK)["answered"] for _ in range(2)]
    ((token, answer),) = onsite.tokens
    assert (looks, token, waits.of_cluster("research")) == ([1, 0], "token-1", [])
    assert '"manifest_sha256":"cccc' in answer["output"]


def test_the_log_of_an_ended_job_is_kept_before_its_token_is_answered(call: Call, onsite: Site) -> None:
    run = submitted(call, onsite, "logged", DONE)
    onsite.job_is(run, "Complete")
    call("watch_jobs", TICK)
    log = aws.s3().get_object(Bucket=MODELS, Key=f"logs/zoo/{run.id}/1/train.log")["Body"].read().decode()
    assert log == "step=1/2 loss=2.0\nstep=2/2 loss=1.0\n"
    progress = waits.progress(run.id)
    assert progress is not None
    assert (progress.phase, progress.done, progress.total, progress.loss) == ("done", 2, 2, 1.0)


def test_a_job_that_fails_answers_with_its_log_and_what_to_do(call: Call, onsite: Site) -> None:
    run = submitted(call, onsite, "fails", FAILS)
    onsite.job_is(run, "Failed")
    call("watch_jobs", TICK)
    ((_, answer),) = onsite.tokens
    assert answer["error"] == "WorkloadFailed"
    assert '"code":"JobFailed"' in answer["cause"]
    assert "step=1/9 loss=nan" in answer["cause"]


def test_a_job_that_ends_well_without_saying_so_is_not_believed(call: Call, onsite: Site) -> None:
    run = submitted(call, onsite, "silent", "pass\n")
    onsite.job_is(run, "Complete")
    call("watch_jobs", TICK)
    ((_, answer),) = onsite.tokens
    assert "left no message that it had done its work" in answer["cause"]


def test_a_running_job_is_told_once_and_nothing_is_written_while_it_does_not_move(
    call: Call, onsite: Site, announced: Announced
) -> None:
    run = submitted(call, onsite, "moves", SLEEPS)
    until(lambda: onsite.phase(run) == "Running" and "step=1/9" in onsite.said(run))
    call("watch_jobs", TICK)
    assert [kind for kind, _ in announced()] == ["RunStarted", "RunProgressed"]
    with writes() as seen:
        call("watch_jobs", TICK)
    assert (set(seen), announced()) == ({"WATCH"}, [])


def test_a_job_over_quota_is_told_once_with_the_queues_own_words(
    call: Call, onsite: Site, announced: Announced
) -> None:
    first = submitted(call, onsite, "first", SLEEPS)
    second = submitted(call, onsite, "second", SLEEPS)
    words = "insufficient unused quota for cpu in flavor local.cpu, 1 more needed"

    def told() -> bool:
        call("watch_jobs", TICK)
        progress = waits.progress(second.id)
        return progress is not None and progress.reason.endswith(words)

    until(told)
    call("watch_jobs", TICK)

    def named() -> bool:
        call("watch_jobs", TICK)
        return bool(describe(second.id)["holders"] == [first.id])

    until(named)
    queued = [detail for kind, detail in announced() if kind == "RunQueued" and detail["run_id"] == second.id]
    assert [detail["reason"].endswith(words) for detail in queued] == [True]


def test_a_job_that_has_vanished_gets_grace_and_then_fails_with_that_reason(call: Call, onsite: Site) -> None:
    run = submitted(call, onsite, "vanished", SLEEPS)
    onsite.batch.delete_namespaced_job(wait().name, onsite.namespace, propagation_policy="Background")
    until(lambda: not onsite.jobs(run))
    call("watch_jobs", TICK)
    assert onsite.tokens == []
    with travel(clock.later(1)):
        call("watch_jobs", TICK)
    ((_, answer),) = onsite.tokens
    assert ('"code":"JobVanished"' in answer["cause"], waits.of_cluster("research")) == (True, [])


def test_a_job_beyond_its_deadline_from_admission_is_failed_with_its_log(call: Call, onsite: Site) -> None:
    run = submitted(call, onsite, "late", SLEEPS)
    until(lambda: onsite.phase(run) == "Running" and "step=1/9" in onsite.said(run))
    waits.update(wait().model_copy(update={"deadline_seconds": 1}))
    with travel(clock.later(0.5)):
        call("watch_jobs", TICK)
    ((_, answer),) = onsite.tokens
    assert '"code":"JobDeadlineExceeded"' in answer["cause"]
    assert "step=1/9 loss=2.0" in answer["cause"]


def test_while_a_cluster_cannot_be_reached_nothing_is_lost(call: Call, onsite: Site) -> None:
    run = submitted(call, onsite, "cut-off", DONE)
    onsite.job_is(run, "Complete")
    onsite.cluster.pause()
    with pytest.raises((Unavailable, ExceptionGroup)):
        call("watch_jobs", TICK)
    assert (onsite.tokens, len(waits.of_cluster("research"))) == ([], 1)
    onsite.cluster.resume()
    assert call("watch_jobs", TICK)["answered"] == 1


def test_who_asks_meanwhile_hears_since_when_the_cluster_cannot_be_reached(call: Call, onsite: Site) -> None:
    run = submitted(call, onsite, "unseen", SLEEPS)
    onsite.cluster.pause()
    for moment in ("2026-11-26T10:00:00Z", "2026-11-26T10:05:00Z"):
        with travel(moment, tick=False), pytest.raises(ExceptionGroup):
            call("watch_jobs", TICK)
    trouble = describe(run.id)["trouble"]
    assert (trouble["since"][:19], trouble["failure"]["code"]) == ("2026-11-26T10:00:00", "ClusterUnreachable")
    onsite.cluster.resume()
    call("watch_jobs", TICK)
    assert describe(run.id)["trouble"] is None


def test_what_fails_for_one_job_alone_is_no_trouble_of_the_clusters(
    call: Call, onsite: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submitted(call, onsite, "alone", DONE)
    onsite.job_is(run, "Complete")
    monkeypatch.setenv("MODELS_BUCKET", "never-made")
    with pytest.raises(ExceptionGroup):
        call("watch_jobs", TICK)
    assert describe(run.id)["trouble"] is None


def test_two_looks_at_one_cluster_never_overlap_and_a_look_that_died_is_outlived(call: Call, onsite: Site) -> None:
    run = submitted(call, onsite, "alone", DONE)
    onsite.job_is(run, "Complete")
    assert waits.begin_watch("research", "another look", int(clock.now().timestamp()), 60)
    assert call("watch_jobs", TICK) == {"clusters": 0, "waits": 0, "answered": 0}
    with travel(clock.later(0.1)):
        assert call("watch_jobs", TICK)["answered"] == 1


def test_a_tick_hands_out_the_clusters_on_which_something_is_open(call: Call, onsite: Site, others: Functions) -> None:
    assert call("watch_jobs", {}) == {"clusters": 0, "waits": 0, "answered": 0}
    run = submitted(call, onsite, "open", DONE)
    onsite.job_is(run, "Complete")
    assert call("watch_jobs", {})["clusters"] == 1
    assert [answer["answered"] for answer in others.deliver()] == [1]
    assert call("watch_jobs", {})["clusters"] == 0


def test_entering_the_state_again_moves_the_answer_to_the_new_token_and_makes_no_second_job(
    call: Call, onsite: Site
) -> None:
    plan = onsite.plan("again", DONE)
    run = onsite.claim(plan, "e-again")
    for token in ("token-1", "token-2"):
        call("submit_job", onsite.submission(plan, run, token))
    onsite.job_is(run, "Complete")
    call("watch_jobs", TICK)
    assert [token for token, _ in onsite.tokens] == ["token-2"]


def metrics(capsys: pytest.CaptureFixture[str]) -> list[Document]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def test_a_look_says_how_late_it_is_and_what_each_team_waits_for(
    call: Call, onsite: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted(call, onsite, "counted", SLEEPS)
    capsys.readouterr()
    call("watch_jobs", {**TICK, "asked_at": (clock.now() - timedelta(seconds=30)).isoformat()})
    lag, *phases = metrics(capsys)
    assert 30 <= lag["WatchLag"][0] < 45
    assert {line["phase"]: line["RunsOpen"] for line in phases} == {"new": [1.0], "queued": [0.0], "running": [0.0]}
    assert {line["team"] for line in phases} == {"vision"}


def test_looks_that_fail_say_for_how_long_the_cluster_has_not_been_seen(
    call: Call, onsite: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted(call, onsite, "unseen", SLEEPS)
    onsite.cluster.pause()
    for minutes in (0, 10):
        capsys.readouterr()
        with travel(clock.now() + timedelta(minutes=minutes)), pytest.raises(ExceptionGroup):
            call("watch_jobs", TICK)
    (lag,) = metrics(capsys)
    assert 600 <= lag["WatchLag"][0] < 660


def seen_by(call: Call, onsite: Site, name: str, free: int) -> None:
    """A job ends that saw how much of its file system is free."""
    says = DONE.replace('"ok": True', f'"ok": True, "file_system_bytes": 1000, "file_system_free": {free}')
    onsite.job_is(submitted(call, onsite, name, says), "Complete")
    call("watch_jobs", TICK)


def test_a_file_system_that_fills_up_is_told_once_a_day(call: Call, onsite: Site, announced: Announced) -> None:
    def told() -> list[Document]:
        return [detail for kind, detail in announced() if kind == "FileSystemFilling"]

    seen_by(call, onsite, "roomy", 500)
    assert told() == []
    seen_by(call, onsite, "scarce", 140)
    (first,) = told()
    assert (first["file_system"], first["free_bytes"], first["total_bytes"]) == (onsite.spec.file_system, 140, 1000)
    seen_by(call, onsite, "again", 130)
    assert told() == []
    with travel(clock.later(25)):
        seen_by(call, onsite, "tomorrow", 120)
    assert [detail["free_bytes"] for detail in told()] == [120]
