"""The promise: a dataset lands in S3 and a registered model stands in the registry. Every assertion reads the outcome back."""

import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from dropforge import naming
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.opening import open_checkpoint

from cli.local import download, variables
from localcloud.cloud import PROJECT
from tests.journeys.conftest import Journeys, until

SHORT: dict[str, Any] = {"recipe": "cpu-lora", "parameters": {"steps": 20, "base_steps": 40}}


@pytest.fixture(scope="module")
def trained(journeys: Journeys, greetings: bytes) -> dict[str, Any]:
    """The sample dataset, dropped and trained with the recipe's own defaults."""
    execution = journeys.execution_of(journeys.drop("greetings", greetings))
    done = journeys.finish(execution)
    assert done["status"] == "SUCCEEDED", done.get("cause")
    model: dict[str, Any] = json.loads(done["output"])
    return {**model, "execution": execution}


def test_the_model_package_stands_in_the_registry_approved_by_the_projects_policy(
    journeys: Journeys, trained: dict[str, Any]
) -> None:
    package = journeys.cloud.client("sagemaker").describe_model_package(ModelPackageName=trained["arn"])
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"].partition(":")[0]) == ("Approved", "policy")
    assert package["CustomerMetadataProperties"]["run"] == trained["run_id"]
    source = package["InferenceSpecification"]["Containers"][0]["ModelDataSource"]["S3DataSource"]["S3Uri"]
    assert source == trained["uri"]


def test_training_has_lowered_the_loss(trained: dict[str, Any]) -> None:
    assert 0 < trained["loss_after"] < trained["loss_before"] / 2


def test_the_promoted_prefix_holds_a_whole_checkpoint(journeys: Journeys, trained: dict[str, Any]) -> None:
    s3, prefix = journeys.cloud.client("s3"), trained["uri"].partition(journeys.models + "/")[2]
    listed = s3.list_objects_v2(Bucket=journeys.models, Prefix=prefix)["Contents"]
    sizes = {entry["Key"].removeprefix(prefix): entry["Size"] for entry in listed}
    assert {"adapter_config.json", "adapter_model.safetensors", "base/model.safetensors"} <= set(sizes)

    def read(path: str, offset: int, length: int) -> bytes:
        body: bytes = s3.get_object(Bucket=journeys.models, Key=prefix + path)["Body"].read()
        return body[offset : offset + length]

    assert prefix == f"exports/{PROJECT}/{trained['digest']}/"
    assert open_checkpoint(trained["uri"], Folder(sizes, read)).tensors > 0


def test_the_report_lies_beside_the_upload(journeys: Journeys, trained: dict[str, Any], greetings: bytes) -> None:
    key = f"datasets/{PROJECT}/greetings/report.json"
    report = json.loads(journeys.cloud.client("s3").get_object(Bucket=journeys.bucket, Key=key)["Body"].read())
    assert report["accepted"]
    assert report["files"][0]["rows"] == greetings.count(b"\n")


def test_the_ledger_says_succeeded_and_holds_no_lease_and_no_wait(journeys: Journeys, trained: dict[str, Any]) -> None:
    run = journeys.rows(f"RUN#{trained['run_id']}")["RUN"]
    assert (run["status"], run["model_arn"], run["attempt"]) == ("succeeded", trained["arn"], 1)
    assert journeys.leases("greetings") == []
    assert journeys.waits("greetings") == []


def test_the_log_of_every_job_is_kept(journeys: Journeys, trained: dict[str, Any]) -> None:
    s3 = journeys.cloud.client("s3")
    listed = s3.list_objects_v2(Bucket=journeys.models, Prefix=f"logs/{PROJECT}/{trained['run_id']}/1/")["Contents"]
    steps = {entry["Key"].rpartition("/")[2] for entry in listed}
    assert steps == {"prefetch.log", "prepare.log", "train.log", "evaluate.log", "verify.log"}
    train = next(entry["Key"] for entry in listed if entry["Key"].endswith("train.log"))
    assert b"step=60/60 loss=" in s3.get_object(Bucket=journeys.models, Key=train)["Body"].read()


def test_every_job_went_through_the_teams_queue(journeys: Journeys, trained: dict[str, Any]) -> None:
    jobs = [journeys.batch.read_namespaced_job(name, "hyperpod-ns-demo") for name in journeys.jobs("greetings")]
    assert len(jobs) == 5
    for job in jobs:
        assert job.metadata.labels["kueue.x-k8s.io/queue-name"] == "hyperpod-ns-demo-localqueue"
        assert job.metadata.labels["kueue.x-k8s.io/priority-class"] == "training-priority"
        assert job.status.succeeded == 1


def test_the_same_content_again_joins_the_finished_run(
    journeys: Journeys, trained: dict[str, Any], greetings: bytes
) -> None:
    execution = journeys.execution_of(journeys.drop("greetings", greetings))
    done = journeys.finish(execution)
    assert done["status"] == "SUCCEEDED"
    joined = json.loads(done["output"])
    assert joined["joined"]
    assert joined["run"]["model_arn"] == trained["arn"]
    assert journeys.packages("greetings") == [trained["arn"]]


def test_the_same_content_under_another_datasets_name_joins_the_same_run(
    journeys: Journeys, trained: dict[str, Any], greetings: bytes
) -> None:
    execution = journeys.execution_of(journeys.drop("renamed", greetings))
    joined = json.loads(journeys.finish(execution)["output"])
    assert joined["joined"]
    assert joined["run"]["id"] == trained["run_id"]
    assert journeys.jobs("renamed") == []
    assert journeys.journey(execution)["execution"] == execution


def test_the_machine_started_by_hand_with_the_documented_input_makes_a_model(
    journeys: Journeys, greetings: bytes
) -> None:
    upload = journeys.drop_with_request("byhand", greetings, SHORT)
    by_event = journeys.execution_of(upload)
    document = {"upload": upload, "run": {**SHORT, "repeat": "by-hand"}}
    sfn = journeys.cloud.client("stepfunctions")
    sfn.start_execution(stateMachineArn=journeys.machine, name="by-hand-1", input=json.dumps(document))
    done = journeys.finish("by-hand-1")
    assert done["status"] == "SUCCEEDED", done.get("cause")
    assert json.loads(done["output"])["arn"] in journeys.packages("byhand")
    assert journeys.finish(by_event)["status"] == "SUCCEEDED"


def test_the_command_drops_follows_and_describes(journeys: Journeys, greetings: bytes, tmp_path: Path) -> None:
    sample, request = tmp_path / "fromcli.jsonl", tmp_path / "run.yaml"
    sample.write_bytes(b"".join(greetings.splitlines(keepends=True)[:100]))
    request.write_text(json.dumps(SHORT))
    dropped = _command(journeys, "drop", str(sample), "--project", PROJECT, "--run", str(request), "--wait")
    assert dropped.returncode == 0, dropped.stdout + dropped.stderr
    assert "RegisterModel: succeeded" in dropped.stdout
    arn = journeys.packages("fromcli")[0]
    assert arn in dropped.stdout
    run_id = journeys.journey(dropped.stdout.split("dropforge status ")[1].split()[0])["run"]["id"]
    described = _command(journeys, "status", run_id, "--json")
    assert json.loads(described.stdout)["run"]["model_arn"] == arn
    explained = _command(journeys, "explain", run_id).stdout
    assert f"run {run_id}, attempt 1 has succeeded (for " in explained
    assert f"registered as {arn}." in explained


def test_the_report_beside_the_model_says_what_the_ledger_says(journeys: Journeys, trained: dict[str, Any]) -> None:
    rows = journeys.rows(f"RUN#{trained['run_id']}")
    run, verified = rows["RUN"], rows["VERIFIED"]
    report, page = journeys.report(run)
    dataset = journeys.rows(f"DATASET#{run['dataset_id']}")["DATASET"]
    links = {link["noun"]: (link["name"], link["digest"]) for link in report["lineage"]}
    assert (report["summary"]["state"], report["as_of"], report["model_arn"]) == (
        "succeeded",
        run["ended_at"],
        trained["arn"],
    )
    assert links["Dataset"] == (run["dataset_id"], dataset["digest"])
    assert links["Plan"] == (run["id"], run["identity"])
    assert links["Image"][1].startswith("sha256:")
    assert links["Checkpoint manifest"] == (trained["uri"], verified["checkpoint"]["digest"])
    assert links["Model package"][0] == trained["arn"]
    assert (report["data"]["rows"], report["data"]["findings"][0]["rows"]) == (dataset["rows"], dataset["rows"])
    told = [line for line in journeys.log(run, 1, "train").splitlines() if line.startswith("step=")]
    assert (report["curve"]["job"], report["curve"]["measured"], report["curve"]["last"][0]) == ("train", len(told), 60)
    assert [job["step"] for job in report["jobs"]] == ["prefetch", "prepare", "train", "evaluate", "verify"]
    assert {stage["status"] for stage in report["stages"]} == {"succeeded"}
    assert trained["arn"] in page


def test_the_report_is_a_page_for_browsers_and_leaves_the_model_whole(
    journeys: Journeys, trained: dict[str, Any]
) -> None:
    run = journeys.rows(f"RUN#{trained['run_id']}")["RUN"]
    journeys.report(run)
    key = f"runs/{PROJECT}/{run['id']}/1/report.html"
    assert (
        journeys.cloud.client("s3").head_object(Bucket=journeys.models, Key=key)["ContentType"].startswith("text/html")
    )
    assert not key.startswith(trained["uri"].partition(journeys.models + "/")[2])


def test_the_command_writes_the_report_that_lies_beside_the_model(
    journeys: Journeys, trained: dict[str, Any], tmp_path: Path
) -> None:
    values, page = journeys.report(journeys.rows(f"RUN#{trained['run_id']}")["RUN"])
    done = _command(journeys, "report", trained["run_id"], "--out", str(tmp_path / "run.html"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"wrote {tmp_path / 'run.html'}" in done.stdout
    assert (tmp_path / "run.html").read_text() == page
    assert json.loads(_command(journeys, "report", trained["run_id"], "--json").stdout) == values


def test_the_command_says_what_it_does_not_know(journeys: Journeys) -> None:
    done = _command(journeys, "status", "no-such-run")
    assert done.returncode == 1
    assert "RunNotFound" in done.stderr
    assert "Traceback" not in done.stderr


def _command(journeys: Journeys, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables(journeys.cloud.endpoint)}
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_function_cannot_open_the_file_system(journeys: Journeys) -> None:
    target = next(path for path in journeys.cloud.fsx.rglob("*") if path.is_file())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return open(event['path']).read(1)\n")
    functions = journeys.cloud.client("lambda")
    functions.create_function(
        FunctionName="reader",
        Runtime="python3.13",
        Handler="app.handler",
        Role="arn:aws:iam::123456789012:role/dropforge-dev-local-reader",
        Code={"ZipFile": packed.getvalue()},
    )
    answer = functions.invoke(FunctionName="reader", Payload=json.dumps({"path": str(target)}))
    assert json.loads(answer["Payload"].read())["errorType"] == "PermissionError"
    assert target.exists()


def test_the_run_and_its_stages_are_counted_in_cloudwatch_with_the_team(
    journeys: Journeys, trained: dict[str, Any]
) -> None:
    cloudwatch = journeys.cloud.client("cloudwatch")

    def stages() -> set[str]:
        found = cloudwatch.list_metrics(Namespace="Dropforge", MetricName="StageSeconds")["Metrics"]
        return {d["Value"] for metric in found for d in metric["Dimensions"] if d["Name"] == "stage"}

    until(lambda: "RunSteps" in stages(), 30)
    dimensions = {"environment": "dev", "team": "demo", "state": "succeeded"}
    found = cloudwatch.get_metric_statistics(
        Namespace="Dropforge",
        MetricName="RunFinished",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=datetime.now(UTC) - timedelta(hours=1),
        EndTime=datetime.now(UTC) + timedelta(hours=1),
        Period=86400,
        Statistics=["Sum"],
    )["Datapoints"]
    assert sum(point["Sum"] for point in found) >= 1
    counted = journeys.rows(f"EXECUTION#{trained['execution']}")["MEASURED"]["measures"]
    assert {"RunFinished", "RunSeconds", "QueueSeconds", "StageSeconds"} == set(counted)


def test_a_success_path_takes_at_most_forty_transitions_and_250_events(
    journeys: Journeys, trained: dict[str, Any]
) -> None:
    pages = journeys.cloud.client("stepfunctions").get_paginator("get_execution_history")
    arn = journeys.arn(trained["execution"])
    kinds = [event["type"] for page in pages.paginate(executionArn=arn) for event in page["events"]]
    assert 10 < sum(kind.endswith("StateEntered") for kind in kinds) <= 40
    assert len(kinds) <= 250


def test_the_demo_keeps_the_model_and_the_report_when_the_cloud_is_gone(
    journeys: Journeys, trained: dict[str, Any], tmp_path: Path
) -> None:
    kept = download(journeys.cloud, naming.model_group(PROJECT, "greetings"), tmp_path / "model")
    assert kept is not None
    assert trained["run_id"] in (tmp_path / "report.html").read_text()
    manifest = (kept / "manifest.json").read_bytes()
    assert sha256(manifest).hexdigest() == trained["digest"]
    assert all((kept / line["path"]).stat().st_size == line["bytes"] for line in json.loads(manifest)["files"])
