"""ListRuns: what a project has, the newest first, as `status` would say it, to members and viewers alone."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dropforge import naming
from dropforge.adapters import admissions, arrivals, aws, clock, ledger, places, waits
from dropforge.domain.runs import Progress, Run
from time_machine import travel

from tests.builders import PROJECT, arrival, dataset, job_failed, planned, request, upload
from tests.contracts.repository import Document, handler_module
from tests.functions.acting import answered, ask
from tests.functions.conftest import Context

MEMBER = "arn:aws:iam::123456789012:role/zoo-keepers"
VIEWER = "arn:aws:iam::123456789012:role/visitors"
STRANGER = "arn:aws:iam::123456789012:user/somebody"
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def project(account: None) -> None:
    onboard(PROJECT.name, members=(MEMBER,), viewers=(VIEWER,))


def onboard(name: str, **people: tuple[str, ...]) -> None:
    spec = PROJECT.model_copy(update={"name": name, **people}).model_dump_json()
    parameter = naming.parameter("test", "projects", name, "spec")
    aws.ssm().put_parameter(Name=parameter, Type="String", Value=spec, Overwrite=True)


def listed(caller: str = MEMBER, **asked: Any) -> Document:
    event = {"requestContext": {"authorizer": {"iam": {"userArn": caller}}}, "body": json.dumps(asked)}
    status, answer = answered(handler_module("list_runs").handler(event, Context()))
    assert status == 200, answer
    return answer


def states(**asked: Any) -> list[tuple[str, str]]:
    return [(line["id"], line["state"]) for line in listed(**asked)["lines"]]


def admitted(number: int) -> Run:
    """A run, admitted `number` minutes after the first; its upload a moment before."""
    drop, execution = upload(version_id=f"v{number}"), f"e-{number}"
    with travel(BEGAN + timedelta(minutes=number), tick=False):
        ledger.bind_upload(arrival(execution, drop=drop, at=clock.stamp()))
        asked = request().model_copy(update={"repeat": str(number)})
        run = admissions.claim(planned(asked=asked), dataset(drop=drop), execution).run
        arrivals.advance(drop, execution, "running", run.id)
    return run


def test_runs_are_listed_once_each_the_newest_first() -> None:
    runs = [admitted(number) for number in range(3)]
    assert states() == [(run.id, "running") for run in reversed(runs)]


def test_a_run_says_what_it_does_and_what_it_waits_for() -> None:
    run = admitted(0)
    waits.record_progress(run.id, Progress(step="train", job="j", phase="running", done=3, total=9))
    assert [line["said"] for line in listed()["lines"]] == ["train 3/9"]
    waits.record_progress(run.id, Progress(step="train", job="j", phase="queued", reason="no room"))
    assert [line["said"] for line in listed()["lines"]] == ["train waits: no room"]


def test_a_failed_run_says_why_and_its_retry_that_it_goes_on() -> None:
    run = admitted(0)
    ledger.end(run.model_copy(update={"status": "failed", "failure": job_failed(), "ended_at": "2026-01-02T03:05:05Z"}))
    arrivals.advance(run.upload, run.execution, "failed", run.id, job_failed())
    (line,) = listed()["lines"]
    assert (line["state"], line["said"].partition(":")[0], line["attempt"]) == ("failed", "JobFailed", 1)
    before = ledger.arrival(run.upload)
    assert before is not None
    again = before.model_copy(update={"execution": f"{run.id}-2", "status": "received", "number": 2})
    assert ledger.bind_again(again, before)
    (line,) = listed()["lines"]
    assert (line["state"], line["attempt"], line["ended_at"]) == ("received", 2, "")


def test_an_upload_that_was_rejected_or_joined_a_run_is_listed_and_one_with_a_run_is_not() -> None:
    run = admitted(0)
    for number, status in ((7, "rejected"), (8, "joined")):
        drop = upload(version_id=f"v{number}")
        ledger.bind_upload(arrival(f"e-{number}", drop=drop, at=f"2026-01-02T03:0{number}:00.000Z"))
        arrivals.advance(drop, f"e-{number}", status, run.id if status == "joined" else None)  # type: ignore[arg-type]
    assert states() == [("e-8", "joined"), ("e-7", "rejected"), (run.id, "running")]
    assert run.id in listed()["lines"][0]["said"]


def test_an_event_that_comes_twice_gives_no_second_line() -> None:
    for _ in range(2):
        ledger.bind_upload(arrival("e-1"))
    assert len(listed()["lines"]) == 1


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"dataset": "birds"}, 3),
        ({"dataset": "fish"}, 0),
        ({"state": "running"}, 3),
        ({"state": "failed"}, 0),
        ({"since": "2026-01-02T03:05:05.000Z"}, 2),
        ({"project": "zoo"}, 3),
    ],
)
def test_what_is_asked_for_is_given_and_nothing_else(asked: Document, found: int) -> None:
    for number in range(3):
        admitted(number)
    assert len(states(**asked)) == found


def test_pages_follow_one_another_without_a_gap_or_a_line_twice_across_projects() -> None:
    onboard("farm", members=(MEMBER,))
    expected: list[str] = []
    for number in range(7):
        name = ("zoo", "farm")[number % 2]
        drop = upload(version_id=f"v{number}")
        at = f"2026-01-02T03:{number:02d}:00.000Z"
        ledger.bind_upload(arrival(f"e-{number}", drop=drop, at=at).model_copy(update={"project": name}))
        expected.insert(0, f"e-{number}")
    seen: list[str] = []
    before = ""
    for _ in range(9):
        page = listed(limit=2, before=before)
        seen += [line["id"] for line in page["lines"]]
        before = page["before"]
        if not before:
            break
    assert seen == expected


def test_a_filter_that_fits_little_is_answered_in_bounded_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LOOKED_AT", 2)
    for number in range(5):
        ledger.bind_upload(
            arrival(f"e-{number}", drop=upload(version_id=f"v{number}"), at=f"2026-01-02T03:0{number}:00.000Z")
        )
    first = listed(state="failed")
    assert (first["lines"], first["before"] != "") == ([], True)
    second = listed(state="failed", before=first["before"])
    assert listed(state="failed", before=second["before"])["before"] == ""


def test_a_viewer_sees_what_members_see_and_a_stranger_nothing() -> None:
    run = admitted(0)
    assert states(caller=VIEWER) == [(run.id, "running")]
    assert states(caller=STRANGER) == []


def test_a_strangers_question_for_the_project_is_refused() -> None:
    event = {"requestContext": {"authorizer": {"iam": {"userArn": STRANGER}}}, "body": '{"project": "zoo"}'}
    status, answer = answered(handler_module("list_runs").handler(event, Context()))
    assert (status, answer["code"]) == (400, "NotAMember")


def test_who_may_not_see_a_run_is_told_what_is_told_of_one_that_does_not_exist() -> None:
    run = admitted(0)
    refused = [ask("describe_run", name, STRANGER) for name in (run.id, "e-0", run.upload.id)]
    unknown = ask("describe_run", "nothing", STRANGER)
    for name, (status, answer) in zip((run.id, "e-0", run.upload.id), refused, strict=True):
        assert (status, {**answer, "why": "", "evidence": {}}) == (
            unknown[0],
            {**unknown[1], "why": "", "evidence": {}},
        )
        assert answer["why"] == unknown[1]["why"].replace("nothing", name)
    assert [ask("describe_run", run.id, who)[0] for who in (MEMBER, VIEWER)] == [200, 200]


def test_a_viewer_may_look_and_not_act() -> None:
    run = admitted(0)
    assert ask("cancel_run", run.id, VIEWER)[1]["code"] == "NotAMember"


@pytest.mark.parametrize("body", ['{"limit": 0}', '{"state": "asleep"}', '{"colour": "red"}', "[]"])
def test_a_question_that_makes_no_sense_is_refused_with_its_place(body: str) -> None:
    event = {"requestContext": {"authorizer": {"iam": {"userArn": MEMBER}}}, "body": body}
    status, answer = answered(handler_module("list_runs").handler(event, Context()))
    assert (status, answer["code"]) == (400, "BadOrder")
