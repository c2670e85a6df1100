"""Approval: a yes is to what was shown, by who may say it, on whatever road; nothing else starts or stands."""

import json
from typing import Any

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localcloud.cloud import PROJECT
from tests.journeys.conftest import Journeys, until
from tests.journeys.test_cancel_and_retry import rows

pytestmark = pytest.mark.usefixtures("calm")

MANUAL = {
    "recipe": "cpu-lora",
    "parameters": {"steps": 1, "base_steps": 5, "checkpoint_every": 1},
    "promotion": {"approval": "manual"},
}


def registered(journeys: Journeys, name: str) -> dict[str, Any]:
    """A run whose model waits for a decision."""
    execution = journeys.execution_of(journeys.drop_with_request(name, rows(name), MANUAL))

    def asked() -> dict[str, Any] | None:
        journey = journeys.journey(execution)
        return journey if journey["approval"] is not None else None

    journey: dict[str, Any] = until(asked, 120)
    return journey


def decide(journeys: Journeys, run: str, shown: str, key: str = "tests", **more: str) -> tuple[int, dict[str, Any]]:
    """Say yes or no by the function's URL."""
    parameter = "/dropforge/dev/functions/approve-model/url"
    url = journeys.cloud.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    body = json.dumps({"run": run, "shown": shown, "reason": "a test says so", **more})
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(key, "secret"), "lambda", "us-east-1").add_auth(request)
    answer = urllib3.request("POST", url, body=body, headers=dict(request.headers), timeout=60)
    document: dict[str, Any] = answer.json()
    return answer.status, document


def package(journeys: Journeys, journey: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = journeys.cloud.client("sagemaker").describe_model_package(
        ModelPackageName=journey["run"]["model_arn"]
    )
    return found


def row(journeys: Journeys, journey: dict[str, Any]) -> dict[str, Any]:
    return journeys.rows(f"RUN#{journey['run']['id']}")["APPROVAL"]


def test_a_run_that_may_ask_for_automatic_approval_takes_the_same_road(journeys: Journeys) -> None:
    request = {**MANUAL, "promotion": {"approval": "automatic"}}
    execution = journeys.execution_of(journeys.drop_with_request("by-policy", rows("by-policy"), request))
    assert journeys.finish(execution)["status"] == "SUCCEEDED"
    journey = journeys.journey(execution)
    assert (journey["result"]["approval"], journey["result"]["approved_by"]) == ("approved", "policy")
    assert package(journeys, journey)["ModelApprovalStatus"] == "Approved"
    key = f"runs/{PROJECT}/{journey['run']['id']}/1/approval.json"
    record = json.loads(journeys.cloud.client("s3").get_object(Bucket=journeys.models, Key=key)["Body"].read())
    assert (record["status"], record["shown"]) == ("approved", row(journeys, journey)["shown"])
    assert list(journeys.rows("APPROVAL")) == []


def test_a_model_waits_for_a_person_who_has_seen_it_and_the_run_is_over_meanwhile(journeys: Journeys) -> None:
    journey = registered(journeys, "by-hand")
    assert (journey["status"], journey["run"]["status"]) == ("SUCCEEDED", "succeeded")
    assert journeys.describe(journey["execution"])["status"] == "RUNNING"
    assert journeys.leases("by-hand") == []
    run, shown = journey["run"]["id"], journey["approval"]["shown"]
    assert decide(journeys, run, "0" * 64)[1]["code"] == "ApprovalVoid"
    status, decided = decide(journeys, run, shown)
    assert (status, decided["status"]) == (200, "approved")
    assert json.loads(journeys.finish(journey["execution"])["output"])["approval"] == "approved"
    assert package(journeys, journey)["ModelApprovalStatus"] == "Approved"
    assert decide(journeys, run, shown)[1]["status"] == "approved"  # said twice is said once
    refused = decide(journeys, run, "", word="rejected")[1]
    assert refused["code"] == "ApprovalOver"


def test_what_changes_before_the_yes_makes_it_void_and_it_is_asked_for_anew(journeys: Journeys) -> None:
    journey = registered(journeys, "changed")
    run, shown = journey["run"]["id"], journey["approval"]["shown"]
    key = journey["result"]["uri"].partition(f"{journeys.models}/")[2] + "adapter_config.json"
    journeys.cloud.client("s3").put_object(Bucket=journeys.models, Key=key, Body=b"{}")
    assert decide(journeys, run, shown)[1]["code"] == "ApprovalVoid"
    assert package(journeys, journey)["ModelApprovalStatus"] == "PendingManualApproval"
    anew = journeys.journey(run)["approval"]["shown"]
    assert anew != shown
    assert decide(journeys, run, anew, word="rejected")[1]["status"] == "rejected"
    assert json.loads(journeys.finish(journey["execution"])["output"])["approval"] == "rejected"


def test_who_is_no_approver_may_not_decide_on_any_road(journeys: Journeys) -> None:
    journey = registered(journeys, "strangers")
    iam = journeys.cloud.client("iam")
    iam.create_user(UserName="passer-by")
    key = iam.create_access_key(UserName="passer-by")["AccessKey"]["AccessKeyId"]
    assert decide(journeys, journey["run"]["id"], journey["approval"]["shown"], key)[1]["code"] == "NotAnApprover"
    assert row(journeys, journey)["status"] == "pending"
    decide(journeys, journey["run"]["id"], "", word="rejected")


def test_a_yes_in_the_registry_takes_the_same_road(journeys: Journeys) -> None:
    journey = registered(journeys, "in-studio")
    journeys.cloud.client("sagemaker").update_model_package(
        ModelPackageArn=journey["run"]["model_arn"], ModelApprovalStatus="Approved", ApprovalDescription="looks good"
    )
    assert json.loads(journeys.finish(journey["execution"])["output"])["approval"] == "approved"
    assert row(journeys, journey)["status"] == "approved"
    assert row(journeys, journey)["decided_by"].startswith("arn:")


def test_what_we_write_into_a_package_starts_nothing(journeys: Journeys) -> None:
    journey = registered(journeys, "metadata")
    before = row(journeys, journey)
    journeys.cloud.client("sagemaker").update_model_package(
        ModelPackageArn=journey["run"]["model_arn"], CustomerMetadataProperties={"recalled": "never"}
    )
    until(
        lambda: not journeys.cloud.aws.pending_deliveries(besides=["dropforge-dev-watch-jobs", "dropforge-dev-sweep"]),
        30,
    )
    assert row(journeys, journey) == before
    assert decide(journeys, journey["run"]["id"], before["shown"])[1]["status"] == "approved"
