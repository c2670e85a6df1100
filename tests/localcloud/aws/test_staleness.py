"""Reads that are eventually consistent show an old state for a while, the others never do."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.aws import LocalAws
from tests.localcloud.aws.conftest import eventually

HIDDEN = 0.6
KEY = {"id": {"S": "x"}}
PASS = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}


@pytest.fixture(scope="module")
def table(aws: LocalAws) -> Any:
    client = aws.client("dynamodb")
    client.create_table(
        TableName="rows",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "team", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-team",
                "KeySchema": [{"AttributeName": "team", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


@pytest.fixture(autouse=True)
def _stale(aws: LocalAws, table: Any) -> Iterator[None]:
    """The item is there since long ago with the value `old`; from now on reads are stale."""
    table.put_item(TableName="rows", Item={**KEY, "team": {"S": "old"}})
    aws.stale_reads(HIDDEN)
    yield
    aws.reset_faults()


def got(table: Any, consistent: bool = False) -> str:
    return str(table.get_item(TableName="rows", Key=KEY, ConsistentRead=consistent)["Item"]["team"]["S"])


def scanned(table: Any) -> str:
    return str(table.scan(TableName="rows")["Items"][0]["team"]["S"])


def queried(table: Any) -> str:
    values = {":id": KEY["id"]}
    found = table.query(TableName="rows", KeyConditionExpression="id = :id", ExpressionAttributeValues=values)
    return str(found["Items"][0]["team"]["S"])


def batched(table: Any) -> str:
    found = table.batch_get_item(RequestItems={"rows": {"Keys": [KEY]}})["Responses"]["rows"]
    return str(found[0]["team"]["S"])


@pytest.mark.parametrize("read", [got, scanned, queried, batched])
def test_a_change_is_invisible_for_a_while(table: Any, read: Callable[[Any], str]) -> None:
    changes = {"ExpressionAttributeValues": {":t": {"S": "new"}}, "UpdateExpression": "SET team = :t"}
    table.update_item(TableName="rows", Key=KEY, **changes)
    assert read(table) == "old"
    eventually(lambda: read(table) == "new", HIDDEN + 1)


def test_a_consistent_read_sees_a_change_at_once(table: Any) -> None:
    table.put_item(TableName="rows", Item={**KEY, "team": {"S": "new"}})
    assert got(table, consistent=True) == "new"
    assert got(table) == "old"


def test_an_index_never_shows_a_change_at_once(table: Any) -> None:
    def members() -> int:
        asked = {"IndexName": "by-team", "KeyConditionExpression": "team = :t"}
        return len(table.query(TableName="rows", ExpressionAttributeValues={":t": {"S": "new"}}, **asked)["Items"])

    table.put_item(TableName="rows", Item={**KEY, "team": {"S": "new"}})
    assert members() == 0
    eventually(lambda: members() == 1, HIDDEN + 1)


def test_a_condition_is_decided_by_what_is_there(table: Any) -> None:
    table.delete_item(TableName="rows", Key=KEY)
    assert got(table) == "old"
    table.put_item(
        TableName="rows", Item={**KEY, "team": {"S": "again"}}, ConditionExpression="attribute_not_exists(id)"
    )
    assert got(table, consistent=True) == "again"


def test_a_new_execution_is_unknown_for_a_while(aws: LocalAws, machine: Callable[..., str]) -> None:
    states, arn = aws.client("stepfunctions"), machine(PASS)
    started = states.start_execution(stateMachineArn=arn)["executionArn"]
    with pytest.raises(states.exceptions.ExecutionDoesNotExist):
        states.describe_execution(executionArn=started)
    assert states.list_executions(stateMachineArn=arn)["executions"] == []
    listed = eventually(lambda: states.list_executions(stateMachineArn=arn)["executions"], HIDDEN + 1)
    assert [execution["executionArn"] for execution in listed] == [started]
    assert states.describe_execution(executionArn=started)["name"]


def test_a_name_is_taken_although_its_execution_is_not_yet_visible(aws: LocalAws, machine: Callable[..., str]) -> None:
    states, arn = aws.client("stepfunctions"), machine(PASS)
    states.start_execution(stateMachineArn=arn, name="once", input="{}")
    with pytest.raises(states.exceptions.ExecutionAlreadyExists):
        states.start_execution(stateMachineArn=arn, name="once", input=json.dumps({"other": 1}))


def test_a_new_model_is_not_listed_for_a_while_but_described(aws: LocalAws) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="birds")
    arn = sagemaker.create_model_package(ModelPackageGroupName="birds")["ModelPackageArn"]

    def listed() -> list[str]:
        found = sagemaker.list_model_packages(ModelPackageGroupName="birds")["ModelPackageSummaryList"]
        return [package["ModelPackageArn"] for package in found]

    assert listed() == []
    assert sagemaker.describe_model_package(ModelPackageName=arn)["ModelPackageArn"] == arn
    assert eventually(listed, HIDDEN + 1) == [arn]


def test_s3_is_consistent(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="consistent")
    s3.put_object(Bucket="consistent", Key="k", Body=b"new")
    assert s3.get_object(Bucket="consistent", Key="k")["Body"].read() == b"new"
    s3.delete_object(Bucket="consistent", Key="k")
    with pytest.raises(ClientError):
        s3.head_object(Bucket="consistent", Key="k")


def test_everything_is_visible_once_it_is_over(aws: LocalAws, table: Any) -> None:
    table.put_item(TableName="rows", Item={**KEY, "team": {"S": "new"}})
    aws.stale_reads(0)
    assert got(table) == "new"
