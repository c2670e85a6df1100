"""Trainings that die or hang: what is known of them is kept, and the next attempt goes on where the newest good checkpoint ends."""

import json
import re
from typing import Any

from tests.journeys.conftest import Journeys
from tests.journeys.test_cancel_and_retry import nothing_left, rows

STEPS = {"steps": 60, "base_steps": 40, "checkpoint_every": 10}


def request(**parameters: Any) -> dict[str, Any]:
    return {"recipe": "cpu-lora", "parameters": {**STEPS, **parameters}}


def steps_of(log: str) -> list[int]:
    return [int(step) for step in re.findall(r"^step=(\d+)/", log, re.M)]


def test_a_training_that_is_killed_twice_ends_with_every_step_done_once(journeys: Journeys) -> None:
    dropped = journeys.drop_with_request("killed", rows("killed"), request(kill_at_step="25,45"))
    first = journeys.execution_of(dropped)
    assert journeys.finish(first)["error"] == "WorkloadFailed"
    run = journeys.run_of(first)
    second = journeys.retry(run["id"])
    assert journeys.finish(second)["error"] == "WorkloadFailed"
    third = journeys.retry(run["id"])
    assert journeys.finish(third)["status"] == "SUCCEEDED"
    ended = journeys.rows(f"RUN#{run['id']}")["RUN"]
    assert (ended["status"], ended["attempt"]) == ("succeeded", 3)
    assert "resume step=20 from=checkpoint-20" in journeys.log(run, 2, "train")
    assert "resume step=40 from=checkpoint-40" in journeys.log(run, 3, "train")
    assert (min(steps_of(journeys.log(run, 2, "train"))), min(steps_of(journeys.log(run, 3, "train")))) == (
        21,
        42,
    )  # every third is logged
    assert loss_curve(journeys, ended) == list(range(1, 61))
    assert journeys.packages("killed") == [ended["model_arn"]]
    journeys.attempts_over("killed")
    assert [job for job in journeys.jobs("killed") if "-3-" not in job] == []


def loss_curve(journeys: Journeys, run: dict[str, Any]) -> list[int]:
    """The steps of the curve that lies beside the model."""
    package = journeys.cloud.client("sagemaker").describe_model_package(ModelPackageName=run["model_arn"])
    key = package["SourceUri"].partition(f"{journeys.models}/")[2] + "loss.jsonl"
    text = journeys.cloud.client("s3").get_object(Bucket=journeys.models, Key=key)["Body"].read().decode()
    return [json.loads(line)["step"] for line in text.splitlines()]


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_it(journeys: Journeys) -> None:
    damaged = request(kill_at_step="35", truncate_checkpoint="30")
    execution = journeys.execution_of(journeys.drop_with_request("damaged", rows("damaged"), damaged))
    assert journeys.finish(execution)["error"] == "WorkloadFailed"
    run = journeys.run_of(execution)
    assert journeys.finish(journeys.retry(run["id"]))["status"] == "SUCCEEDED"
    log = journeys.log(run, 2, "train")
    assert re.search(r"^skip checkpoint-30: ", log, re.M)
    assert "resume step=20 from=checkpoint-20" in log


def test_a_training_that_hangs_is_found_by_its_pace_and_failed_with_the_evidence(journeys: Journeys) -> None:
    hanging = request(hang_at_step="45")
    execution = journeys.execution_of(journeys.drop_with_request("hanging", rows("hanging"), hanging))
    assert journeys.finish(execution, 180)["error"] == "WorkloadFailed"
    failure = journeys.recorded_failure(execution)["failure"]
    assert failure["code"] == "JobStuck"
    assert failure["evidence"]["silent_seconds"] >= 20
    assert steps_of(failure["evidence"]["last_line"]) == [42]
    run = journeys.run_of(execution)
    assert failure["log"] == journeys.log(run, 1, "train").splitlines()[-200:]
    nothing_left(journeys, "hanging")
    assert journeys.finish(journeys.retry(run["id"]))["status"] == "SUCCEEDED"
    assert "resume step=40 from=checkpoint-40" in journeys.log(run, 2, "train")
