"""The table: a condition that does not hold is an answer; a conflict with somebody else is tried again; nothing is half done."""

import json
from collections import Counter

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError
from dropforge.adapters import aws, table
from dropforge.adapters.table import ABSENT, Change
from dropforge.domain.values import Value
from dropforge.errors import Unavailable

from tests.functions.wires import answering, reply


class Word(Value):
    """A row."""

    text: str


def rows() -> list[str]:
    return [word.text for word in table.query("P", "", Word)]


def test_changes_are_made_together() -> None:
    assert table.change(Change("P", "1", Word(text="a"), None, ABSENT), Change("P", "2", Word(text="b")))
    assert rows() == ["a", "b"]


def test_one_condition_that_does_not_hold_keeps_every_change_away() -> None:
    table.put("P", "1", Word(text="first"))
    assert not table.change(Change("P", "1", Word(text="a"), None, ABSENT), Change("P", "2", Word(text="b")))
    assert rows() == ["first"]


def cancelled(request: AWSPreparedRequest, *codes: str) -> AWSResponse:
    """A transaction that DynamoDB cancelled, with its reasons in the order of the items."""
    said = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]",
        "CancellationReasons": [{"Code": code, "Message": "x"} for code in codes],
    }
    return reply(request, said, 400)


@pytest.mark.parametrize("why", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_or_a_throttle_is_tried_again_and_not_taken_for_refused(why: str) -> None:
    with (
        answering(aws.dynamodb(), "TransactWriteItems", lambda request: cancelled(request, "None", why)),
        pytest.raises(Unavailable, match=why),
    ):
        table.change(Change("P", "1", Word(text="a")), Change("P", "2", Word(text="b")))


def test_a_condition_decides_even_beside_a_conflict() -> None:
    reasons = ("TransactionConflict", "ConditionalCheckFailed")
    with answering(aws.dynamodb(), "TransactWriteItems", lambda request: cancelled(request, *reasons)):
        assert not table.change(Change("P", "1", Word(text="a")))


def test_what_dynamodb_finds_wrong_with_a_request_is_a_defect_and_passes() -> None:
    said = {"__type": "com.amazon.coral.validate#ValidationException", "message": "bad"}
    with (
        answering(aws.dynamodb(), "TransactWriteItems", lambda request: reply(request, said, 400)),
        pytest.raises(ClientError, match="ValidationException"),
    ):
        table.change(Change("P", "1", Word(text="a")))


def test_a_transaction_whose_answer_was_lost_is_repeated_by_the_client_under_the_same_token() -> None:
    tokens: Counter[str] = Counter()

    def lose_the_first(request: AWSPreparedRequest) -> AWSResponse | None:
        token = json.loads(str(request.body.decode()))["ClientRequestToken"]  # type: ignore[union-attr]
        tokens[token] += 1
        return reply(request, {"__type": "InternalServerError"}, 500) if tokens[token] == 1 else None

    with answering(aws.dynamodb(), "TransactWriteItems", lose_the_first):
        assert table.change(Change("P", "1", Word(text="a"), None, ABSENT))
    assert (list(tokens.values()), rows()) == ([2], ["a"])


def test_a_partition_is_read_in_pages_and_in_order() -> None:
    for number in range(30):
        table.put("P", f"{number:02}", Word(text=f"{number}" + "x" * 90_000))
    assert [text.rstrip("x") for text in rows()] == [str(number) for number in range(30)]
    assert (table.holds("P", "2"), table.holds("P", "9"), table.holds("Q", "")) == (True, False, False)
