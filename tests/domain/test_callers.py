"""Who asks: a request to a function URL is read for its caller and wish, and only members of a project may act."""

import base64
import json
from typing import Any

import pytest
from dropforge.domain.callers import Order, principal, read_asked, require_member
from dropforge.errors import InvalidInput

from tests.builders import PROJECT

ROLE = "arn:aws:iam::123456789012:role/zoo-keepers"
SESSION = "arn:aws:sts::123456789012:assumed-role/zoo-keepers/ann"


def request(body: str = '{"run": "birds-1", "reason": "wrong data"}', **more: object) -> dict[str, Any]:
    return {"requestContext": {"authorizer": {"iam": {"userArn": SESSION}}}, "body": body, **more}


def test_a_request_says_who_asks_for_what_and_why() -> None:
    order = read_asked(request(), Order)
    assert (order.caller, order.run, order.reason) == (SESSION, "birds-1", "wrong data")


def test_a_body_in_base64_is_read_as_it_was_sent() -> None:
    packed = base64.b64encode(json.dumps({"run": "birds-1"}).encode()).decode()
    assert read_asked(request(packed, isBase64Encoded=True), Order).run == "birds-1"


@pytest.mark.parametrize(
    ("event", "named"),
    [
        ({"body": '{"run": "birds-1"}'}, "requestContext"),
        ({"run": "birds-1"}, "requestContext"),
        (request("{}"), "run"),
        (request("no json"), "JSON"),
        (request("*", isBase64Encoded=True), "Base64"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(event: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named) as raised:
        read_asked(event, Order)
    assert raised.value.failure.code == "BadOrder"


@pytest.mark.parametrize("arn", [SESSION, ROLE, "arn:aws:iam::123456789012:role/some/path/zoo-keepers"])
def test_a_session_is_its_role_and_a_roles_path_does_not_count(arn: str) -> None:
    assert principal(arn) == ROLE
    require_member(PROJECT.model_copy(update={"members": (ROLE,)}), arn)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::210987654321:role/zoo-keepers",
        "arn:aws:iam::123456789012:user/zoo-keepers",
        "arn:aws:sts::123456789012:assumed-role/others/zoo-keepers",
    ],
)
def test_another_account_kind_or_role_is_a_stranger(arn: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        require_member(PROJECT.model_copy(update={"members": (ROLE,)}), arn)
    assert raised.value.failure.code == "NotAMember"


def test_a_project_without_members_lets_nobody_act() -> None:
    with pytest.raises(InvalidInput):
        require_member(PROJECT, SESSION)
