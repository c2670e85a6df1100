"""Reports through the client: the one that is kept, or what is known now; never the wrong attempt's."""

from collections.abc import Iterator

import boto3
import pytest
from dropforge.client import Client, Refused
from dropforge.domain.journeys import Journey
from dropforge.domain.run_reports import key
from dropforge.domain.runs import Progress, Run
from moto import mock_aws

from tests import builders, reports

BUCKET = "dropforge-test-models"


class Asked(Client):
    """A client of a deployment that knows one journey."""

    journey: Journey

    def describe(self, reference: str) -> Journey:
        assert reference
        return self.journey


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        session = boto3.Session(region_name="us-east-1")
        session.client("s3").create_bucket(Bucket=BUCKET)
        name = "/dropforge/test/buckets/models/name"
        session.client("ssm").put_parameter(Name=name, Value=BUCKET, Type="String")
        yield Asked("test", session)


def keep(run: Run, body: str) -> None:
    boto3.client("s3", region_name="us-east-1").put_object(Bucket=BUCKET, Key=key(run, "json"), Body=body.encode())


def ended() -> Run:
    return builders.run("succeeded").model_copy(update={"ended_at": reports.at(2530.2)})


def test_the_report_of_a_run_that_is_over_is_the_one_beside_its_model(client: Asked) -> None:
    client.journey = reports.journey_of(ended(), "SUCCEEDED", (), stages=reports.stages())
    keep(ended(), reports.succeeded().model_dump_json())
    assert client.report("birds") == reports.succeeded()


def test_until_it_is_there_the_report_is_what_the_journey_tells_and_says_what_is_missing(client: Asked) -> None:
    client.journey = reports.journey_of(ended(), "SUCCEEDED", reports.entries(ended()), stages=reports.stages())
    report = client.report("birds")
    assert (report.summary.state, report.data.rows, report.curve) == ("succeeded", 400, None)
    assert "missing here" in report.curve_note


def test_the_report_of_a_run_that_goes_on_shows_the_newest_losses(client: Asked) -> None:
    progress = Progress(step="train", job="j", phase="running", done=9, total=60, loss=1.0, losses=(3.0, 2.0, 1.0))
    stages = reports.stages("RunSteps", "running")
    client.journey = reports.journey_of(builders.run(), "RUNNING", (), stages=stages, progress=progress)
    keep(builders.run(), reports.succeeded().model_dump_json())
    report = client.report("birds")
    assert report.curve is not None
    assert (report.summary.state, report.curve.unit, report.curve.last) == ("running", "line", (3, 1.0))


def test_an_earlier_attempt_has_its_own_report_or_a_no(client: Asked) -> None:
    second = ended().model_copy(update={"attempt": 2})
    client.journey = reports.journey_of(second, "SUCCEEDED", (), stages=reports.stages())
    keep(ended(), reports.failed().model_dump_json())
    assert client.report("birds", attempt=1) == reports.failed()
    with pytest.raises(Refused) as refused:
        client.report("birds", attempt=3)
    assert refused.value.failure.code == "RunNotFound"


def test_a_report_of_another_version_is_refused_with_where_its_page_is(client: Asked) -> None:
    client.journey = reports.journey_of(ended(), "SUCCEEDED", (), stages=reports.stages())
    keep(ended(), '{"version": "2"}')
    with pytest.raises(Refused) as refused:
        client.report("birds")
    assert key(ended(), "html") in refused.value.failure.why
