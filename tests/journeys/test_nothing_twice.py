"""Ten drops whose events come twenty times, shuffled, late and side by side with starts by hand: ten runs, ten jobs of each step, ten models."""

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.journeys.conftest import Journeys, until
from tests.journeys.test_cancel_and_retry import QUICK, rows

pytestmark = pytest.mark.usefixtures("calm")

DROPS, DELIVERIES = 10, 200
FUNCTION = "dropforge-dev-receive-drop"
TICKING = ("dropforge-dev-watch-jobs", "dropforge-dev-sweep")


def created(upload: dict[str, str]) -> bytes:
    """The event of S3 for an upload, as EventBridge hands it on."""
    there = {"bucket": {"name": upload["bucket"]}, "object": {"key": upload["key"], "version-id": upload["version_id"]}}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": there}).encode()


def test_two_hundred_shuffled_deliveries_of_ten_drops_make_ten_models(journeys: Journeys) -> None:
    journeys.cloud.aws.disturb_events(
        lambda e: e["source"] == "aws.s3", duplicate=0.5, delay=(0, 3), reorder=True, seed=3
    )
    names = [f"flood{n}" for n in range(DROPS)]
    uploads = {name: journeys.drop_with_request(name, rows(name), QUICK) for name in names}
    deliver(journeys, list(uploads.values()))
    by_hand = [start_by_hand(journeys, name, upload) for name, upload in uploads.items()]
    settle(journeys, names, by_hand)
    runs = {name: sole_run(journeys, name) for name in names}
    assert {name: run["status"] for name, run in runs.items()} == dict.fromkeys(names, "succeeded")
    assert {name: run["attempt"] for name, run in runs.items()} == dict.fromkeys(names, 1)
    assert {name: journeys.packages(name) for name in names} == {n: [run["model_arn"]] for n, run in runs.items()}
    steps = Counter(job.rpartition("-")[2] for name in names for job in journeys.jobs(name))
    assert steps == {"prefetch": DROPS, "prepare": DROPS, "train": DROPS, "evaluate": DROPS, "verify": DROPS}
    assert {name: len(executions(journeys, name)) for name in names} == dict.fromkeys(names, 1)
    assert [journeys.leases(name) for name in names] == [[]] * DROPS


def deliver(journeys: Journeys, uploads: list[dict[str, str]]) -> None:
    """Hand every upload's event to ReceiveDrop again and again, shuffled, several at a time."""
    events = [created(upload) for upload in uploads] * (DELIVERIES // DROPS)
    random.Random(7).shuffle(events)  # noqa: S311  the same order every time
    client = journeys.cloud.client("lambda")
    with ThreadPoolExecutor(6) as pool:
        sent = pool.map(lambda e: client.invoke(FunctionName=FUNCTION, InvocationType="Event", Payload=e), events)
        assert [answer["StatusCode"] for answer in sent] == [202] * DELIVERIES


def start_by_hand(journeys: Journeys, name: str, upload: dict[str, str]) -> str:
    sfn, body = journeys.cloud.client("stepfunctions"), json.dumps({"upload": upload})
    return str(
        sfn.start_execution(stateMachineArn=journeys.machine, name=f"by-hand-{name}", input=body)["executionArn"]
    )


def executions(journeys: Journeys, name: str) -> list[str]:
    """The executions that events have started for a dataset."""
    pages = journeys.cloud.client("stepfunctions").get_paginator("list_executions")
    found = [e["name"] for page in pages.paginate(stateMachineArn=journeys.machine) for e in page["executions"]]
    return [execution for execution in found if execution.startswith(f"demo-{name}-")]


def settle(journeys: Journeys, names: list[str], by_hand: list[str]) -> None:
    """Wait until every queue is empty and every execution is over."""
    sfn = journeys.cloud.client("stepfunctions")

    def over() -> bool:
        arns = [*by_hand, *(journeys.arn(e) for name in names for e in executions(journeys, name))]
        return all(sfn.describe_execution(executionArn=arn)["status"] == "SUCCEEDED" for arn in arns)

    until(lambda: journeys.cloud.aws.pending_deliveries(besides=TICKING) == 0 and over(), 600)
    for name in names:
        nothing_waits(journeys, name)


def nothing_waits(journeys: Journeys, name: str) -> None:
    until(lambda: not (journeys.leases(name) or journeys.waits(name)), 30)


def sole_run(journeys: Journeys, name: str) -> dict[str, Any]:
    """The one run of a dataset, of which the ledger must hold exactly one."""
    table = journeys.cloud.client("dynamodb")
    wanted = {":run": {"S": f"RUN#{name}-"}, ":sk": {"S": "RUN"}}
    scan = table.get_paginator("scan").paginate(
        TableName=journeys.cloud.outputs["Ledger"],
        FilterExpression="begins_with(pk, :run) AND sk = :sk",
        ExpressionAttributeValues=wanted,
    )
    found = [json.loads(item["body"]["S"]) for page in scan for item in page["Items"]]
    assert len(found) == 1
    run: dict[str, Any] = found[0]
    return run
