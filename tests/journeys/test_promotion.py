"""Promotion: one task at a time however many runs finish together, and what did not arrive whole is nobody's model."""

from itertools import pairwise
from typing import Any

import pytest
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.opening import open_checkpoint
from dropforge.errors import InvalidInput

from localcloud.cloud import PROJECT
from tests.journeys.conftest import Journeys, until
from tests.journeys.test_cancel_and_retry import rows

pytestmark = pytest.mark.usefixtures("calm")

SHORT = {"recipe": "cpu-lora", "parameters": {"steps": 1, "base_steps": 5, "checkpoint_every": 1}}
TOGETHER = 5


def drop(journeys: Journeys, name: str) -> str:
    return journeys.execution_of(journeys.drop_with_request(name, rows(name), SHORT))


def export_tasks(journeys: Journeys) -> list[dict[str, Any]]:
    """Every export there was, in the order in which they started."""
    found = journeys.cloud.client("fsx").describe_data_repository_tasks()["DataRepositoryTasks"]
    return sorted((task for task in found if "StartTime" in task), key=lambda task: task["StartTime"])


def folder_in_s3(journeys: Journeys, prefix: str) -> Folder:
    s3 = journeys.cloud.client("s3")
    listed = s3.list_objects_v2(Bucket=journeys.models, Prefix=prefix).get("Contents", [])

    def read(path: str, offset: int, length: int) -> bytes:
        body: bytes = s3.get_object(Bucket=journeys.models, Key=prefix + path)["Body"].read()
        return body[offset : offset + length]

    return Folder({entry["Key"].removeprefix(prefix): entry["Size"] for entry in listed}, read)


def digest_of(journeys: Journeys, run: dict[str, Any]) -> str:
    """The hash that a run's verify job has said in its log."""
    said = journeys.log(run, 1, "verify")
    return said.partition('"manifest_sha256": "')[2][:64]


def test_runs_that_finish_together_are_promoted_one_after_another(journeys: Journeys) -> None:
    executions = [drop(journeys, f"together-{number}") for number in range(TOGETHER)]
    assert [journeys.finish(execution, 180)["status"] for execution in executions] == ["SUCCEEDED"] * TOGETHER
    tasks = export_tasks(journeys)
    assert all(before["EndTime"] <= after["StartTime"] for before, after in pairwise(tasks))
    runs = [journeys.run_of(execution) for execution in executions]
    for run in runs:
        assert journeys.packages(run["dataset"]) == [run["model_arn"]]
        prefix = f"exports/{PROJECT}/{digest_of(journeys, run)}/"
        assert open_checkpoint(prefix, folder_in_s3(journeys, prefix)).tensors > 0
    assert list(journeys.rows(f"FILESYSTEM#{journeys.cloud.file_system}")) == []


def test_files_that_could_not_be_exported_fail_their_run_with_their_names_and_no_other(journeys: Journeys) -> None:
    journeys.cloud.aws.spoil_files("adapter_model", "fails")
    bad = drop(journeys, "unexportable")
    assert journeys.finish(bad)["status"] == "FAILED"
    failure = journeys.recorded_failure(bad)["failure"]
    prefix = f"exports/{PROJECT}/{digest_of(journeys, journeys.run_of(bad))}/"
    assert (failure["code"], failure["evidence"]["failed"]) == ("FileSystemTaskFailed", 1)
    assert failure["evidence"]["failed_files"] == [f"{prefix}adapter_model.safetensors: S3AccessDenied"]
    with pytest.raises(InvalidInput) as raised:
        open_checkpoint(prefix, folder_in_s3(journeys, prefix))
    assert raised.value.failure.code in ("CheckpointUnfinished", "CheckpointDamaged")
    journeys.cloud.aws.reset_faults()
    assert journeys.finish(drop(journeys, "exportable"))["status"] == "SUCCEEDED"
    assert journeys.packages("unexportable") == []
    assert journeys.finish(journeys.retry(bad))["status"] == "SUCCEEDED"
    assert len(journeys.packages("unexportable")) == 1


def test_a_bit_that_flips_on_the_way_to_s3_is_found_and_the_checkpoint_stays_unfinished(journeys: Journeys) -> None:
    journeys.cloud.aws.spoil_files("adapter_model", "flips")
    execution = drop(journeys, "flipped")
    assert journeys.finish(execution)["status"] == "FAILED"
    failure = journeys.recorded_failure(execution)["failure"]
    assert (failure["code"], failure["evidence"]["file"]) == ("CheckpointRejected", "adapter_model.safetensors")
    assert "CRC-64" in failure["why"]
    prefix = f"exports/{PROJECT}/{digest_of(journeys, journeys.run_of(execution))}/"
    with pytest.raises(InvalidInput) as raised:
        open_checkpoint(prefix, folder_in_s3(journeys, prefix))
    assert raised.value.failure.code == "CheckpointUnfinished"
    assert journeys.packages("flipped") == []
    journeys.cloud.aws.reset_faults()
    assert journeys.finish(journeys.retry(execution))["status"] == "SUCCEEDED"
    assert open_checkpoint(prefix, folder_in_s3(journeys, prefix)).tensors > 0


def test_who_waits_for_the_file_system_sees_for_whom(journeys: Journeys) -> None:
    journeys.cloud.aws.hang_fsx_task()
    first = drop(journeys, "before")
    until(lambda: journeys.rows(f"FILESYSTEM#{journeys.cloud.file_system}"), 60)
    holder = journeys.rows(f"FILESYSTEM#{journeys.cloud.file_system}")["TURN"]["run_id"]
    second = drop(journeys, "behind")

    def told() -> bool:
        progress = journeys.journey(second)["progress"]
        return progress is not None and progress["reason"] == f"the file system is busy with the import of run {holder}"

    until(told, 60)
    status, _ = journeys.act("cancel-run", first)
    assert status == 200
    assert journeys.finish(second, 120)["status"] == "SUCCEEDED"
