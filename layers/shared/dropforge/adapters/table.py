"""The ledger's table as keys and JSON bodies. Every write that decides something is conditional; this module knows no nouns.

A row is `pk`, `sk`, a `body` (the value as JSON) and the few columns that conditions look at.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from botocore.exceptions import ClientError

from dropforge.adapters import aws, settings
from dropforge.domain.values import Value
from dropforge.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Row = TypeVar("Row", bound=Value)
Columns = dict[str, str | int]


class Condition:
    """A condition expression with its values: the values of its `:names` and what its `#names` stand for."""

    def __init__(self, expression: str, values: Columns | None = None, names: dict[str, str] | None = None) -> None:
        self.expression = expression
        self.values = values or {}
        self.names = names or {}


ABSENT = Condition("attribute_not_exists(pk)")


class Change(NamedTuple):
    """One row of a transaction: written whole, or deleted when there is no value. `when` must hold for all of it to happen."""

    pk: str
    sk: str
    value: Value | None = None
    columns: Columns | None = None
    when: Condition | None = None


class Check(NamedTuple):
    """A row of a transaction that stays as it is; `when` must hold for it."""

    pk: str
    sk: str
    when: Condition


def change(*changes: Change | Check) -> bool:
    """Make several changes, all or none. Returns False when one of their conditions does not hold."""
    items = [_transact_item(one) for one in changes]
    try:
        aws.dynamodb().transact_write_items(TransactItems=items)  # type: ignore[arg-type]
    except ClientError as error:
        if aws.code_of(error) != "TransactionCanceledException":
            raise
        _require_refusal(error)
        return False
    return True


def _transact_item(one: Change | Check) -> dict[str, object]:
    target = {"TableName": settings.table(), **_conditions(one.when)}
    if isinstance(one, Check):
        return {"ConditionCheck": {**target, "Key": _serialise({"pk": one.pk, "sk": one.sk})}}
    if one.value is None:
        return {"Delete": {**target, "Key": _serialise({"pk": one.pk, "sk": one.sk})}}
    return {"Put": {**target, "Item": _item(one.pk, one.sk, one.value, one.columns)}}


def _require_refusal(error: ClientError) -> None:
    """Pass when a condition was the reason. Raises Unavailable for any other: a conflict with another transaction, or a throttle."""
    reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
    if "ConditionalCheckFailed" not in reasons:
        why = f"The table refused a transaction: {', '.join(sorted(map(str, reasons - {'None'})))}."
        raise Unavailable("AwsBusy", why) from error


def put(pk: str, sk: str, value: Value, columns: Columns | None = None, when: Condition | None = None) -> bool:
    """Write a row whole. Returns False when `when` does not hold."""
    item = _item(pk, sk, value, columns)
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
    return None if item is None else kind.model_validate_json(item["body"]["S"])


def query(pk: str, prefix: str, kind: type[Row]) -> Iterator[Row]:
    """Yield the rows of a partition whose sort key starts with `prefix` (all with an empty one), in order (consistent read)."""
    for item in _items(pk, prefix, {}):
        yield kind.model_validate_json(item["body"]["S"])


def newest(pk: str, before: str, limit: int, kind: type[Row]) -> list[Row]:
    """Return at most `limit` rows of a partition whose sort keys lie below `before` (all for an empty one), the last first."""
    values: Columns = {":pk": pk, ":before": before} if before else {":pk": pk}
    answer = aws.dynamodb().query(
        TableName=settings.table(),
        KeyConditionExpression=f"pk = :pk{' AND sk < :before' if before else ''}",
        ExpressionAttributeValues=_serialise(values),
        ConsistentRead=True,
        ScanIndexForward=False,
        Limit=limit,
    )
    return [kind.model_validate_json(item["body"]["S"]) for item in answer["Items"]]


def holds(pk: str, prefix: str) -> bool:
    """Whether a partition has a row whose sort key starts with `prefix` (consistent read of one row)."""
    return next(_items(pk, prefix, {"MaxItems": 1, "PageSize": 1}), None) is not None


def _items(pk: str, prefix: str, paging: dict[str, int]) -> "Iterator[dict[str, AttributeValueTypeDef]]":
    starts = " AND begins_with(sk, :prefix)" if prefix else ""
    values: Columns = {":pk": pk, ":prefix": prefix} if prefix else {":pk": pk}
    pages = (
        aws.dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=settings.table(),
            KeyConditionExpression=f"pk = :pk{starts}",
            ExpressionAttributeValues=_serialise(values),
            ConsistentRead=True,
            PaginationConfig=paging,  # type: ignore[arg-type]
        )
    )
    for page in pages:
        yield from page["Items"]


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


def _item(pk: str, sk: str, value: Value, columns: Columns | None) -> "dict[str, AttributeValueTypeDef]":
    return _serialise({"pk": pk, "sk": sk, "body": value.model_dump_json(), **(columns or {})})


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
    return {key: {"S": text} if isinstance(text, str) else {"N": str(text)} for key, text in columns.items()}
