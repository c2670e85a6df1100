"""WriteReport: one page beside the model, written once for a state, and never an older state over a newer one."""

import json

import pytest
from botocore.awsrequest import AWSPreparedRequest
from dropforge.adapters import admissions, aws, clock, ledger, logs, machine, successes, timeline
from dropforge.domain.checkpoints import Verified
from dropforge.domain.events import ModelRegistered, RunAdmitted, RunFailed, RunStarted
from dropforge.domain.run_reports import RunReport, key
from dropforge.domain.runs import Run
from dropforge.domain.terms import terms_of
from dropforge.domain.uploads import Drop, Upload

from tests.builders import EXECUTION, arrival, checkpoint, dataset, job_failed, planned, recipe, registration, upload
from tests.contracts.repository import Document
from tests.functions.conftest import DATASETS, MODELS, Call
from tests.functions.wires import answering

ARN = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/zoo--birds/1"
HOSTILE = "</pre><script>alert(1)</script>"


@pytest.fixture
def run() -> Run:
    """A run whose training has started; its plan names a recipe that is deployed."""
    machine.start(EXECUTION, Drop(upload=upload()))
    ledger.bind_upload(arrival())
    ledger.record_dataset(dataset())
    plan = planned(by=recipe().model_copy(update={"name": "cpu-lora"}))
    found = admissions.claim(plan, dataset(), EXECUTION).run
    who = {"project": found.project, "run_id": found.id, "attempt": found.attempt}
    timeline.tell_of_run(found.id, RunAdmitted(**who, execution=EXECUTION, terms=terms_of(plan)))
    timeline.tell_of_run(found.id, RunStarted(**who, step="train", started_at=clock.stamp()))
    return found


def over(run: Run, kind: str = "RunFailed", attempt: int | None = None) -> Document:
    detail = {"project": run.project, "run_id": run.id, "attempt": attempt or run.attempt, "execution": run.execution}
    return {"detail-type": kind, "source": "dropforge", "detail": detail}


def registered(run: Run) -> Document:
    return {"detail-type": "ModelRegistered", "detail": {"project": run.project, "run_id": run.id, "model_arn": ARN}}


def fail(run: Run) -> None:
    found = job_failed().model_copy(update={"why": HOSTILE, "log": ("step=7 loss=nan", HOSTILE)})
    assert ledger.end(run.model_copy(update={"status": "failed", "failure": found, "ended_at": clock.stamp()}))
    told = RunFailed(project=run.project, run_id=run.id, attempt=run.attempt, execution=run.execution, failure=found)
    timeline.tell_of_run(run.id, told)


def succeed(run: Run) -> None:
    ledger.record_verified(run.id, Verified(attempt=run.attempt, checkpoint=checkpoint()))
    successes.record(run, registration(run, ARN))
    timeline.tell_of_run(run.id, ModelRegistered(project=run.project, run_id=run.id, model_arn=ARN, uri="s3://m/"))


def page(run: Run) -> str:
    return aws.s3().get_object(Bucket=MODELS, Key=key(run, "html"))["Body"].read().decode()


def values(run: Run) -> RunReport:
    return RunReport.model_validate_json(aws.s3().get_object(Bucket=MODELS, Key=key(run, "json"))["Body"].read())


def versions() -> list[str]:
    found = aws.s3().list_object_versions(Bucket=MODELS, Prefix="runs/").get("Versions", [])
    return sorted(one["Key"].rpartition("/")[2] for one in found)


def test_a_model_has_a_page_and_its_values_beside_it(call: Call, run: Run) -> None:
    succeed(run)
    written = call("write_report", registered(run))
    head = aws.s3().head_object(Bucket=MODELS, Key=key(run, "html"))
    assert written["uri"] == f"s3://{MODELS}/runs/zoo/{run.id}/1/report.html"
    assert head["ContentType"] == "text/html; charset=utf-8"
    assert ARN in page(run)
    report = values(run)
    assert (report.summary.state, report.model_arn, report.loss_after) == ("succeeded", ARN, 0.5)
    assert {stage.status for stage in report.stages} <= {"succeeded", "waiting", "skipped"}


def test_the_lineage_goes_from_the_dataset_to_the_package(call: Call, run: Run) -> None:
    succeed(run)
    call("write_report", registered(run))
    links = {link.noun: link.digest or link.name for link in values(run).lineage}
    assert links == {
        "Upload": upload().version_id,
        "Dataset": dataset().digest,
        "Plan": run.identity,
        "Image": "sha256:" + "a" * 64,
        "Recipe": planned(by=recipe().model_copy(update={"name": "cpu-lora"})).recipe_digest,
        "Base model": "acme/tiny",
        "Checkpoint manifest": "c" * 64,
        "Model package": ARN,
    }


def test_the_curve_is_read_from_the_log_that_was_kept(call: Call, run: Run) -> None:
    lines = [f"step={n}/60 loss={3 / n:.4f} rate=1e-3" for n in range(1, 61)]
    logs.keep((run.project, run.id, 1, "train"), lines)
    succeed(run)
    call("write_report", registered(run))
    curve = values(run).curve
    assert curve is not None
    assert (curve.job, curve.measured, curve.first, curve.last) == ("train", 60, (1, 3.0), (60, 0.05))


def test_what_was_found_in_the_dataset_is_told(call: Call, run: Run) -> None:
    put_report(upload())
    succeed(run)
    call("write_report", registered(run))
    assert [found.file for found in values(run).data.findings] == ["train.jsonl"]


def test_a_report_of_another_upload_is_not_taken_for_this_ones(call: Call, run: Run) -> None:
    put_report(upload(version_id="v2"))
    succeed(run)
    call("write_report", registered(run))
    data = values(run).data
    assert (data.rows, data.findings) == (400, ())
    assert "replaced" in data.note


def put_report(of: Upload) -> None:
    found = {"file": "train.jsonl", "rows": 400, "good_rows": 400}
    document = {"upload": of.model_dump(mode="json"), "accepted": True, "files": [found]}
    place = dataset().report_uri.removeprefix(f"s3://{DATASETS}/")
    aws.s3().put_object(Bucket=DATASETS, Key=place, Body=json.dumps(document).encode())


def test_a_failed_run_has_its_cause_and_its_last_lines_escaped(call: Call, run: Run) -> None:
    fail(run)
    call("write_report", over(run))
    assert "JobFailed" in page(run)
    assert "step=7 loss=nan" in page(run)
    assert HOSTILE not in page(run)
    assert "&lt;/pre&gt;&lt;script&gt;" in page(run)


def test_an_event_that_comes_twice_writes_once(call: Call, run: Run) -> None:
    fail(run)
    assert call("write_report", over(run)) == call("write_report", over(run))
    assert versions() == ["report.html", "report.json"]


def test_a_late_event_of_an_earlier_attempt_changes_nothing(call: Call, run: Run) -> None:
    fail(run)
    call("write_report", over(run))
    before = page(run)
    ledger.release_lease(run)
    second = admissions.claim(planned(by=recipe().model_copy(update={"name": "cpu-lora"})), dataset(), "birds-2").run
    succeed(second)
    assert call("write_report", over(run))["uri"] == ""
    call("write_report", registered(run))
    assert page(run) == before
    assert (values(second).attempt, values(second).summary.state) == (2, "succeeded")


def test_a_writer_that_was_overtaken_reads_again_and_loses_nothing(call: Call, run: Run) -> None:
    fail(run)
    overtaken = iter([True])

    def overtake(request: AWSPreparedRequest) -> None:
        if next(overtaken, False):
            aws.s3().put_object(Bucket=MODELS, Key=key(run, "json"), Body=b"what somebody else has written meanwhile")
            late = RunStarted(project="zoo", run_id=run.id, attempt=1, step="verify", started_at=clock.stamp())
            timeline.tell_of_run(run.id, late)

    with answering(aws.s3(), "PutObject", overtake):
        call("write_report", over(run))
    assert [entry.step for entry in values(run).events if entry.what == "RunStarted"] == ["train", "verify"]
    assert versions() == ["report.html", "report.json", "report.json"]


def test_a_run_that_goes_on_has_no_report(call: Call, run: Run) -> None:
    assert call("write_report", over(run))["uri"] == ""
    assert versions() == []


def test_an_upload_that_never_became_a_run_has_no_report(call: Call, run: Run) -> None:
    event = over(run)
    event["detail"]["run_id"] = ""
    assert call("write_report", event) == {"run_id": "", "attempt": 0, "uri": ""}
