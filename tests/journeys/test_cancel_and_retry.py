"""Changing one's mind: a run is cancelled wherever it is and nothing of it stays behind; a retry is its next attempt and ends in one model."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from dropforge.domain.journeys import STAGES

from localcloud.cloud import PROJECT
from tests.journeys.conftest import Journeys, until

QUICK = {"recipe": "cpu-lora", "parameters": {"steps": 3, "base_steps": 40}}
LONG = {"recipe": "cpu-lora", "parameters": {"steps": 5000, "base_steps": 40}}


def rows(name: str) -> bytes:
    return b"".join(b'{"prompt": "%s %d?", "completion": "%d"}\n' % (name.encode(), n, n) for n in range(20))


def nothing_left(journeys: Journeys, dataset: str) -> None:
    """Wait until nothing of a dataset's runs is left: a function that was under way when its run ended undoes what it did a moment later."""
    journeys.attempts_over(dataset)
    until(lambda: not (journeys.jobs(dataset) or journeys.pods(dataset) or journeys.waits(dataset)), 30)
    assert [row for row in journeys.rows("OPEN").values() if row["dataset"] == dataset] == []


def entered(journeys: Journeys, execution: str, stage: str) -> bool:
    sfn = journeys.cloud.client("stepfunctions")
    newest = sfn.get_execution_history(executionArn=journeys.arn(execution), reverseOrder=True, maxResults=1000)[
        "events"
    ]
    return any(event.get("stateEnteredEventDetails", {}).get("name") == stage for event in newest)


def cancel_at(journeys: Journeys, stage: str) -> tuple[str, str]:
    """Drop a dataset, cancel it as soon as it enters a stage, and return the dataset and how the upload has ended."""
    dataset = f"cancel-{stage.lower()}"
    execution = journeys.execution_of(journeys.drop_with_request(dataset, rows(dataset), QUICK))
    end = time.monotonic() + 120
    while not entered(journeys, execution, stage) and time.monotonic() < end:
        time.sleep(0.05)
    status, _ = journeys.act("cancel-run", execution)
    assert status == 200
    journeys.finish(execution, 120)
    until(lambda: journeys.journey(execution)["arrival"]["status"] in ("cancelled", "succeeded"), 60)
    nothing_left(journeys, dataset)
    return dataset, journeys.journey(execution)["arrival"]["status"]


def test_a_run_that_is_cancelled_at_any_stage_leaves_nothing_running(journeys: Journeys) -> None:
    stages = [stage for stage in (*STAGES, "SubmitJob") if stage != "CheckRanges"]  # that one is for large uploads
    with ThreadPoolExecutor(4) as pool:
        ended = dict(pool.map(lambda stage: cancel_at(journeys, stage), stages))
    packages = {dataset: len(journeys.packages(dataset)) for dataset in ended}
    approved = {dataset: usable(journeys, dataset) for dataset in ended}
    assert [d for d, status in ended.items() if status == "succeeded" and packages[d] != 1] == []
    assert [d for d, status in ended.items() if status == "cancelled" and approved[d]] == []
    assert (
        list(ended.values()).count("cancelled") >= len(stages) - 2
    )  # the last stages may be over before the wish arrives


def usable(journeys: Journeys, dataset: str) -> list[str]:
    """The packages of a dataset that somebody could still approve."""
    describe = journeys.cloud.client("sagemaker").describe_model_package
    found = (describe(ModelPackageName=arn) for arn in journeys.packages(dataset))
    return [package["ModelPackageArn"] for package in found if package["ModelApprovalStatus"] != "Rejected"]


def test_a_cancelled_run_says_who_wanted_it_and_why_and_its_retry_makes_the_model(journeys: Journeys) -> None:
    upload = journeys.drop_with_request("second-thoughts", rows("second-thoughts"), QUICK)
    execution = journeys.execution_of(upload)
    until(lambda: journeys.jobs("second-thoughts"), 60)
    run = journeys.run_of(execution)
    assert journeys.act("cancel-run", run["id"])[0] == 200
    until(lambda: journeys.rows(f"RUN#{run['id']}")["RUN"]["status"] == "cancelled", 60)
    nothing_left(journeys, "second-thoughts")
    failure = journeys.journey(run["id"])["failure"]
    assert (failure["code"], failure["evidence"]["reason"]) == ("RunCancelled", "a test wants it")
    status, retried = journeys.act("retry-run", run["id"])
    assert (status, retried["execution"]) == (200, f"{run['id']}-2")
    assert journeys.finish(retried["execution"])["status"] == "SUCCEEDED"
    ended = journeys.rows(f"RUN#{run['id']}")["RUN"]
    assert (ended["status"], ended["attempt"], ended["identity"]) == ("succeeded", 2, run["identity"])
    assert journeys.packages("second-thoughts") == [ended["model_arn"]]
    assert journeys.journey(execution)["arrival"]["status"] == "succeeded"


def test_a_retry_registers_what_is_trained_already_and_runs_no_job(journeys: Journeys) -> None:
    upload = journeys.drop_with_request("almost", rows("almost"), QUICK)
    execution = journeys.execution_of(upload)
    journeys.cloud.aws.fail_request("dropforge-dev-register-model", "sagemaker", "CreateModelPackage", times=60)
    assert journeys.finish(execution)["status"] == "FAILED"
    journeys.cloud.aws.reset_faults()
    nothing_left(journeys, "almost")
    run = journeys.run_of(execution)
    status, retried = journeys.act("retry-run", run["id"])
    assert status == 200
    assert journeys.finish(retried["execution"])["status"] == "SUCCEEDED"
    journey = journeys.journey(run["id"])
    stages = {stage["name"]: stage["status"] for stage in journey["stages"]}
    assert (stages["RunSteps"], stages["VerifyCheckpoint"], stages["RegisterModel"]) == (
        "skipped", "skipped", "succeeded"
    )  # fmt: skip
    started = [entry for entry in journey["timeline"] if entry["what"] == "RunStarted"]
    assert {entry["attempt"] for entry in started} == {1}
    assert journeys.packages("almost") == [journey["run"]["model_arn"]]


def test_the_timeline_says_what_happened_in_order_and_who_did_it(journeys: Journeys) -> None:
    execution = journeys.execution_of(journeys.drop_with_request("told", rows("told"), QUICK))
    assert journeys.finish(execution)["status"] == "SUCCEEDED"
    timeline = journeys.journey(execution)["timeline"]
    told = [entry["what"] for entry in timeline]
    expected = ["DatasetReady", "RunPlanned", "RunAdmitted", "RunStarted", "CheckpointVerified", "ModelRegistered"]
    assert [what for what in expected if what in told] == expected
    assert [told.index(what) for what in expected] == sorted(told.index(what) for what in expected)
    (planned,) = (entry for entry in timeline if entry["what"] == "RunPlanned")
    assert (planned["actor"], planned["price_usd"]) == ("dropforge-dev-plan-run", 0.0)
    assert [entry["at"] for entry in timeline] == sorted(entry["at"] for entry in timeline)


def test_a_stranger_may_neither_cancel_nor_retry(journeys: Journeys) -> None:
    execution = journeys.execution_of(journeys.drop_with_request("guarded", rows("guarded"), LONG))
    iam = journeys.cloud.client("iam")
    iam.create_user(UserName="stranger")
    key = iam.create_access_key(UserName="stranger")["AccessKey"]["AccessKeyId"]
    until(lambda: journeys.jobs("guarded"), 60)
    for function in ("cancel-run", "retry-run"):
        status, refused = journeys.act(function, execution, key)
        assert (status, refused["code"]) == (400, "NotAMember")
        assert "user/stranger" in refused["why"]
    assert journeys.describe(execution)["status"] == "RUNNING"
    assert journeys.act("cancel-run", execution)[0] == 200
    journeys.finish(execution)
    nothing_left(journeys, "guarded")


@pytest.mark.parametrize("function", ["cancel-run", "retry-run"])
def test_what_nobody_knows_is_said_to_be_unknown(journeys: Journeys, function: str) -> None:
    status, refused = journeys.act(function, "nobody-0123456789ab")
    assert (status, refused["code"]) == (404, "RunNotFound")


def test_a_run_that_has_its_model_can_be_neither_cancelled_nor_retried(journeys: Journeys) -> None:
    execution = journeys.execution_of(journeys.drop_with_request("done", rows("done"), QUICK))
    assert journeys.finish(execution)["status"] == "SUCCEEDED"
    status, answer = journeys.act("cancel-run", execution)
    assert (status, answer["already_over"]) == (200, True)
    status, refused = journeys.act("retry-run", execution)
    assert (status, refused["code"]) == (409, "RunHasItsModel")
    assert journeys.rows(f"RUN#{answer['run_id']}")["RUN"]["status"] == "succeeded"


def test_an_upload_that_failed_before_it_was_a_run_is_tried_again_once_the_cause_is_mended(journeys: Journeys) -> None:
    ssm, name = journeys.cloud.client("ssm"), f"/dropforge/dev/projects/{PROJECT}/spec"
    spec: Any = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    upload = journeys.put("datasets/newcomer/first/train.jsonl", rows("first"))
    execution = journeys.execution_of(upload)
    assert journeys.recorded_failure(execution)["failure"]["code"] == "ProjectNotOnboarded"
    newcomer = spec.replace(f'"name": "{PROJECT}"', '"name": "newcomer"')
    ssm.put_parameter(Name="/dropforge/dev/projects/newcomer/spec", Value=newcomer, Type="String")
    status, retried = journeys.act("retry-run", execution)
    assert (status, retried["execution"]) == (200, execution.removesuffix("-1") + "-2")
    assert journeys.finish(retried["execution"])["status"] == "SUCCEEDED"
    assert journeys.journey(retried["execution"])["arrival"]["status"] == "succeeded"
