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


def wish(function: str, caller: str, **said: object) -> tuple[int, Document]:
    """Ask a function for something as `caller`; return the HTTP status and the answer."""
    event = {"requestContext": {"authorizer": {"iam": {"userArn": caller}}}, "body": json.dumps(said)}
    return answered(handler_module(function).handler(event, Context()))


def describe(reference: str, caller: str = "arn:aws:iam::123456789012:user/somebody") -> Document:
    """What describe_run says of a reference."""
    status, answer = ask("describe_run", reference, caller)
    assert status == 200, answer
    return answer


def answered(answer: Document) -> tuple[int, Document]:
    """The status and the body of what a function URL answers."""
    assert answer["headers"]["Content-Type"] == "application/json"
    body: Document = json.loads(answer["body"])
    return answer["statusCode"], body
