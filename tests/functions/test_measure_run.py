"""MeasureRun: what is over is counted once, in CloudWatch's embedded metric format on standard output."""

import json
from collections.abc import Callable

import pytest
from dropforge import naming
from dropforge.adapters import admissions, aws, ledger, timeline
from dropforge.domain.events import RunAdmitted, RunFailed, RunStarted
from dropforge.domain.runs import Run

from tests.builders import EXECUTION, PROJECT, arrival, dataset, job_failed, planned
from tests.contracts.repository import Document
from tests.functions.conftest import Call

Printed = Callable[[], list[Document]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """The metric lines since the last call."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def ended() -> tuple[Run, Document]:
    ledger.bind_upload(arrival())
    run = admissions.claim(planned(), dataset(), EXECUTION).run
    who = {"project": "zoo", "run_id": run.id, "attempt": 1}
    timeline.tell_of_run(run.id, RunAdmitted.model_validate({**who, "execution": EXECUTION}))
    timeline.tell_of_run(run.id, RunStarted.model_validate({**who, "step": "train"}))
    failed = RunFailed.model_validate({**who, "execution": EXECUTION, "failure": job_failed()})
    timeline.tell_of_run(run.id, failed)
    return run, {"detail-type": "RunFailed", "detail": failed.model_dump(mode="json")}


def test_a_failed_run_is_counted_with_its_team(call: Call, printed: Printed) -> None:
    _, event = ended()
    assert call("measure_run", event)["measures"] == ["RunFinished", "RunSeconds", "QueueSeconds"]
    finished, times = printed()
    assert (finished["environment"], finished["team"], finished["state"]) == ("test", "vision", "failed")
    assert finished["RunFinished"] == [1.0]
    assert (times["team"], times["QueueSeconds"]) == ("vision", [0.0])
    assert finished["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Dropforge"


def test_an_end_that_is_told_twice_is_counted_once(call: Call, printed: Printed) -> None:
    _, event = ended()
    call("measure_run", event)
    printed()
    assert call("measure_run", event)["measures"] == []
    assert printed() == []


def test_the_next_attempt_is_counted_by_itself(call: Call, printed: Printed) -> None:
    run, event = ended()
    call("measure_run", event)
    printed()
    second = {"attempt": 2, "execution": "e-2", "project": "zoo", "run_id": run.id}
    failed = RunFailed.model_validate({**second, "failure": job_failed()}).model_dump(mode="json")
    assert call("measure_run", {"detail-type": "RunFailed", "detail": failed})["measures"] == ["RunFinished"]


@pytest.mark.parametrize(("onboarded", "team"), [(True, "vision"), (False, "unknown")])
def test_an_upload_without_a_run_is_its_projects(call: Call, printed: Printed, onboarded: bool, team: str) -> None:
    if onboarded:
        name = naming.parameter("test", "projects", "zoo", "spec")
        aws.ssm().put_parameter(Name=name, Type="String", Value=PROJECT.model_dump_json())
    told = {"project": "zoo", "run_id": "", "attempt": 0, "execution": "e-9", "failure": job_failed()}
    detail = RunFailed.model_validate(told).model_dump(mode="json")
    call("measure_run", {"detail-type": "RunFailed", "detail": detail})
    (line,) = printed()
    assert (line["team"], line["state"]) == (team, "rejected")
