"""The recall drill: two models of one dataset and one of another; recall, read back from the registry, and lift again."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from dropforge.domain.passports import Passport, is_whole

from cli.local import variables
from localcloud.cloud import PROJECT
from tests.journeys.conftest import Journeys, until

SHORT: dict[str, Any] = {"recipe": "cpu-lora", "parameters": {"steps": 3, "base_steps": 40}}
LONGER: dict[str, Any] = {**SHORT, "parameters": {"steps": 4, "base_steps": 40}}
WHY = f"policy: the run asks for automatic approval, and the project `{PROJECT}` allows it"
BY_POLICY = ("Approved", WHY, False)


def command(journeys: Journeys, *arguments: str) -> Any:
    """What `dropforge ... --json` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments, "--json"],
        env={**os.environ, **variables(journeys.cloud.endpoint)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def dropped(journeys: Journeys, dataset: str, body: bytes, request: dict[str, Any]) -> dict[str, Any]:
    """Drop a dataset with a run request, wait for the end and describe it."""
    return journeys.finish(journeys.execution_of(journeys.drop_with_request(dataset, body, request)))


def model_of(done: dict[str, Any]) -> dict[str, Any]:
    assert done["status"] == "SUCCEEDED", done.get("cause")
    model: dict[str, Any] = json.loads(done["output"])
    return model


def stands(journeys: Journeys, arn: str) -> tuple[str, str, bool]:
    """A package's approval, why, and whether it is marked as recalled: the registry's own words."""
    found = journeys.cloud.client("sagemaker").describe_model_package(ModelPackageName=arn)
    marked = "recalled" in found["CustomerMetadataProperties"]
    return found["ModelApprovalStatus"], found.get("ApprovalDescription", ""), marked


def executions(journeys: Journeys) -> set[str]:
    pages = journeys.cloud.client("stepfunctions").get_paginator("list_executions")
    return {e["name"] for page in pages.paginate(stateMachineArn=journeys.machine) for e in page["executions"]}


@pytest.fixture(scope="module")
def rows(greetings: bytes) -> tuple[bytes, bytes]:
    """Two datasets of different rows."""
    lines = greetings.splitlines(keepends=True)
    return b"".join(lines[:60]), b"".join(lines[60:120])


@pytest.fixture(scope="module")
def models(journeys: Journeys, rows: tuple[bytes, bytes]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Two models of the suspects, one of the others."""
    return (
        model_of(dropped(journeys, "suspects", rows[0], SHORT)),
        model_of(dropped(journeys, "suspects", rows[0], LONGER)),
        model_of(dropped(journeys, "others", rows[1], SHORT)),
    )


def test_the_passport_lies_in_the_models_bucket_and_the_package_names_it(
    journeys: Journeys, models: tuple[dict[str, Any], ...]
) -> None:
    key = f"runs/{PROJECT}/{models[0]['run_id']}/1/passport.json"
    body = journeys.cloud.client("s3").get_object(Bucket=journeys.models, Key=key)["Body"].read()
    passport = Passport.model_validate_json(body)
    package = journeys.cloud.client("sagemaker").describe_model_package(ModelPackageName=models[0]["arn"])
    run = journeys.rows(f"RUN#{models[0]['run_id']}")["RUN"]
    assert is_whole(passport)
    assert package["CustomerMetadataProperties"]["passport"] == passport.digest
    assert (passport.dataset.id, passport.plan.identity) == (run["dataset_id"], run["identity"])
    assert passport.checkpoint.digest == models[0]["digest"]
    assert package["CreatedBy"]["IamIdentity"]["Arn"].endswith("/dropforge-dev-register-model")
    found = command(journeys, "lineage", models[0]["arn"])
    assert (found["models"][0]["arn"], found["passport"]) == (models[0]["arn"], passport.model_dump(mode="json"))


def test_sagemaker_says_the_same_of_where_the_model_came_from(
    journeys: Journeys, models: tuple[dict[str, Any], ...]
) -> None:
    sagemaker = journeys.cloud.client("sagemaker")

    def chain() -> dict[str, str]:
        found = sagemaker.list_artifacts(SourceUri=models[0]["arn"])["ArtifactSummaries"]
        start = [one["ArtifactArn"] for one in found]
        vertices = sagemaker.query_lineage(StartArns=start, Direction="Ascendants")["Vertices"] if start else []
        return {vertex["Type"]: vertex["Arn"] for vertex in vertices}

    until(lambda: len(chain()) == 5, 60)
    assert set(chain()) == {"DataSet", "Image", "Recipe", "Training", "Checkpoint"}
    checkpoint = sagemaker.describe_artifact(ArtifactArn=chain()["Checkpoint"])
    assert (checkpoint["Source"]["SourceUri"], checkpoint["Properties"]["digest"]) == (
        models[0]["uri"],
        models[0]["digest"],
    )
    assert sagemaker.describe_action(ActionName=chain()["Training"])["Source"]["SourceUri"] == models[0]["run_id"]


def test_an_object_leads_to_exactly_the_models_that_learned_from_it(
    journeys: Journeys, models: tuple[dict[str, Any], ...]
) -> None:
    uri = f"s3://{journeys.bucket}/datasets/{PROJECT}/suspects/u1/train.jsonl"
    assert {line["arn"] for line in command(journeys, "lineage", "--of", uri)["models"]} == {
        models[0]["arn"],
        models[1]["arn"],
    }
    listed = command(journeys, "models", "--project", PROJECT, "--dataset", "suspects")
    assert [line["arn"] for line in listed] == [models[1]["arn"], models[0]["arn"]]


def test_the_drill(journeys: Journeys, models: tuple[dict[str, Any], ...], rows: tuple[bytes, bytes]) -> None:
    sagemaker, arns = journeys.cloud.client("sagemaker"), [model["arn"] for model in models]
    sagemaker.update_model_package(
        ModelPackageArn=arns[0], ModelApprovalStatus="Approved", ApprovalDescription="good enough"
    )
    before = executions(journeys)

    recalled = command(journeys, "recall", f"{PROJECT}/suspects", "--reason", "wrong labels")
    assert {model["arn"] for model in recalled["models"]} == set(arns[:2])
    states = [stands(journeys, arn) for arn in arns]
    assert [(approval, marked) for approval, _, marked in states[:2]] == [("Rejected", True)] * 2
    assert all(why.startswith("Recalled by ") and why.endswith(": wrong labels") for _, why, _ in states[:2])
    assert states[2] == BY_POLICY
    assert executions(journeys) == before  # nothing that we write into the registry starts anything
    told = [e for e in journeys.journey(models[0]["run_id"])["timeline"] if e["what"] == "ModelRecalled"]
    assert [(entry["reason"], entry["details"]["approval_before"]) for entry in told] == [("wrong labels", "Approved")]

    again = dropped(journeys, "renamed-suspects", rows[0], {**SHORT, "repeat": "again"})
    assert (again["status"], again["error"]) == ("FAILED", "Conflict")
    assert json.loads(json.loads(again["cause"])["errorMessage"])["code"] == "DatasetRecalled"
    assert journeys.packages("renamed-suspects") == []

    lifted = command(journeys, "recall", f"{PROJECT}/suspects", "--reason", "labels were right", "--lift")
    assert [model["kept"] for model in lifted["models"]] == [False, False]
    assert [stands(journeys, arn) for arn in arns] == [("Approved", "good enough", False), BY_POLICY, BY_POLICY]
    retried = journeys.finish(journeys.retry(again["name"]))
    assert stands(journeys, model_of(retried)["arn"]) == BY_POLICY


def test_a_run_whose_dataset_is_recalled_while_it_trains_is_not_registered(
    journeys: Journeys, greetings: bytes
) -> None:
    body = b"".join(greetings.splitlines(keepends=True)[120:180])
    execution = journeys.execution_of(journeys.drop_with_request("mid-flight", body, SHORT))
    run = journeys.run_of(execution)
    recalled = command(journeys, "recall", f"{PROJECT}/mid-flight", "--reason", "wrong")
    assert recalled["running"] == [run["id"]]
    done = journeys.finish(execution)
    assert json.loads(json.loads(done["cause"])["errorMessage"])["code"] == "DatasetRecalled"
    assert journeys.packages("mid-flight") == []
    assert command(journeys, "lineage", "--of", f"{PROJECT}/mid-flight")["models"] == []
    command(journeys, "recall", f"{PROJECT}/mid-flight", "--reason", "was right", "--lift")
    model = model_of(journeys.finish(journeys.retry(run["id"])))
    assert journeys.packages("mid-flight") == [model["arn"]]
