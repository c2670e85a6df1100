import uuid
from typing import Any

import pytest

from localcloud.aws import LocalAws


@pytest.fixture
def table(aws: LocalAws) -> str:
    name = f"t-{uuid.uuid4().hex[:8]}"
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def put(table: str, key: str) -> dict[str, Any]:
    return {
        "Put": {
            "TableName": table,
            "Item": {"id": {"S": key}},
            "ConditionExpression": "attribute_not_exists(id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def keys(aws: LocalAws, table: str) -> list[str]:
    return sorted(item["id"]["S"] for item in aws.client("dynamodb").scan(TableName=table)["Items"])


def test_a_cancelled_transaction_says_which_item_and_changes_nothing(aws: LocalAws, table: str) -> None:
    dynamodb = aws.client("dynamodb")
    dynamodb.put_item(TableName=table, Item={"id": {"S": "taken"}})
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(TransactItems=[put(table, "free"), put(table, "taken")])
    free, taken = caught.value.response["CancellationReasons"]
    assert free == {"Code": "None"}
    assert (taken["Code"], taken["Item"]) == ("ConditionalCheckFailed", {"id": {"S": "taken"}})
    assert keys(aws, table) == ["taken"]


def test_the_same_request_again_under_its_token_succeeds_without_effect(aws: LocalAws, table: str) -> None:
    dynamodb = aws.client("dynamodb")
    request = {"TransactItems": [put(table, "a")], "ClientRequestToken": str(uuid.uuid4())}
    dynamodb.transact_write_items(**request)
    dynamodb.delete_item(TableName=table, Key={"id": {"S": "a"}})
    dynamodb.transact_write_items(**request)
    assert keys(aws, table) == []


def test_another_request_under_a_used_token_is_refused(aws: LocalAws, table: str) -> None:
    dynamodb, token = aws.client("dynamodb"), str(uuid.uuid4())
    dynamodb.transact_write_items(TransactItems=[put(table, "a")], ClientRequestToken=token)
    with pytest.raises(dynamodb.exceptions.IdempotentParameterMismatchException):
        dynamodb.transact_write_items(TransactItems=[put(table, "b")], ClientRequestToken=token)
    assert keys(aws, table) == ["a"]


def test_a_token_of_a_cancelled_transaction_may_be_used_again(aws: LocalAws, table: str) -> None:
    dynamodb, token = aws.client("dynamodb"), str(uuid.uuid4())
    dynamodb.put_item(TableName=table, Item={"id": {"S": "a"}})
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=[put(table, "a")], ClientRequestToken=token)
    dynamodb.delete_item(TableName=table, Key={"id": {"S": "a"}})
    dynamodb.transact_write_items(TransactItems=[put(table, "a")], ClientRequestToken=token)
    assert keys(aws, table) == ["a"]
