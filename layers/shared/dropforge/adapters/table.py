"""The ledger's table as keys and JSON bodies. Every write that decides something is conditional; this module knows no nouns.

A row is `pk`, `sk`, a `body` (the value as JSON) and the few columns that conditions look at.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from dropforge.adapters import aws, settings
from dropforge.domain.values import Value

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Row = TypeVar("Row", bound=Value)
Columns = dict[str, str | int]
_WRITE, _READ = TypeSerializer(), TypeDeserializer()


class Condition:
    """A condition expression with its values: the values of its `:names` and what its `#names` stand for."""

    def __init__(self, expression: str, values: Columns | None = None, names: dict[str, str] | None = None) -> None:
        self.expression = expression
        self.values = values or {}
        self.names = names or {}


ABSENT = Condition("attribute_not_exists(pk)")


def put(pk: str, sk: str, value: Value, columns: Columns | None = None, when: Condition | None = None) -> bool:
    """Write a row whole. Returns False when `when` does not hold."""
    item = _serialise({"pk": pk, "sk": sk, "body": value.model_dump_json(), **(columns or {})})
    try:
        aws.dynamodb().put_item(TableName=settings.table(), Item=item, **_conditions(when))  # type: ignore[arg-type]
    except ClientError as error:
        if aws.code_of(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def get(pk: str, sk: str, kind: type[Row]) -> Row | None:
    """Return a row as it is now (consistent read), or None."""
    key = _serialise({"pk": pk, "sk": sk})
    answer = aws.dynamodb().get_item(TableName=settings.table(), Key=key, ConsistentRead=True)
    item = answer.get("Item")
    return None if item is None else kind.model_validate_json(str(_READ.deserialize(item["body"])))


def query(pk: str, prefix: str, kind: type[Row]) -> Iterator[Row]:
    """Yield the rows of a partition whose sort key starts with `prefix`, in order (consistent read)."""
    pages = (
        aws.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table(),
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=_serialise({":pk": pk, ":prefix": prefix}),
            ConsistentRead=True,
        )
    )
    for page in pages:
        for item in page["Items"]:
            yield kind.model_validate_json(str(_READ.deserialize(item["body"])))


def delete(pk: str, sk: str, when: Condition | None = None) -> bool:
    """Delete a row. Returns False when `when` does not hold; a row that is not there is deleted."""
    key = _serialise({"pk": pk, "sk": sk})
    try:
        aws.dynamodb().delete_item(TableName=settings.table(), Key=key, **_conditions(when))  # type: ignore[arg-type]
    except ClientError as error:
        if aws.code_of(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _conditions(when: Condition | None) -> dict[str, object]:
    if when is None:
        return {}
    found: dict[str, object] = {"ConditionExpression": when.expression}
    if when.values:
        found["ExpressionAttributeValues"] = _serialise({f":{key}": value for key, value in when.values.items()})
    if when.names:
        found["ExpressionAttributeNames"] = when.names
    return found


def _serialise(columns: Columns) -> "dict[str, AttributeValueTypeDef]":
    return {key: _WRITE.serialize(content) for key, content in columns.items()}
