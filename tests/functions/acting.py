"""Asking a function that acts for people, as a function URL does."""

import json
from typing import Any

from tests.contracts.repository import Document, handler_module
from tests.functions.conftest import Context


def ask(function: str, run: str, caller: str, reason: str = "") -> tuple[int, Document]:
    """Ask for a run as `caller`; return the HTTP status and the answer."""
    wish: dict[str, Any] = {"run": run, "reason": reason}
    event = {"requestContext": {"authorizer": {"iam": {"userArn": caller}}}, "body": json.dumps(wish)}
    return answered(handler_module(function).handler(event, Context()))


def answered(answer: Document) -> tuple[int, Document]:
    """The status and the body of what a function URL answers."""
    assert answer["headers"]["Content-Type"] == "application/json"
    body: Document = json.loads(answer["body"])
    return answer["statusCode"], body
