"""Dead letters: events that nobody could work on, with where they were meant to go.

Three senders write to the queue, each in its own form: an EventBridge rule and a schedule put the event itself, with the target's ARN as an
attribute; Lambda wraps the event of a failed asynchronous invocation (Lambda Developer Guide, "Capturing records of asynchronous invocations").
"""

import json
from collections.abc import Mapping
from typing import Literal

from dropforge.domain.values import Value, digest

TRIES = 3


class Letter(Value):
    """An event and the ARN that it was meant for."""

    target: str
    payload: str

    @property
    def id(self) -> str:
        """The letter's short id, 16 hex: the same event for the same target again has the same one."""
        return digest([self.target, self.payload])[:16]

    @property
    def kind(self) -> Literal["function", "topic", "unknown"]:
        """What the target is."""
        service = self.target.split(":")[2] if self.target.count(":") >= 5 else ""
        kinds: dict[str, Literal["function", "topic"]] = {"lambda": "function", "sns": "topic"}
        return kinds.get(service, "unknown")

    @property
    def function(self) -> str:
        """The name of the function that it is meant for; empty when it is meant for something else."""
        return self.target.split(":")[6] if self.kind == "function" else ""


class Tries(Value):
    """How often a letter has been handed back, kept with the letter itself for people to read."""

    letter: Letter
    count: int
    at: str


def read(body: str, attributes: Mapping[str, str]) -> Letter:
    """Return the letter in a message of the queue. A body that is no JSON is kept as it is, for an unknown target."""
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict) and "requestPayload" in parsed and "requestContext" in parsed:
        arn = str(parsed["requestContext"].get("functionArn", ""))
        return Letter(target=_unqualified(arn), payload=json.dumps(parsed["requestPayload"], sort_keys=True))
    if parsed is None:
        return Letter(target="", payload=body)
    return Letter(target=attributes.get("TARGET_ARN", ""), payload=json.dumps(parsed, sort_keys=True))


def _unqualified(arn: str) -> str:
    """A function's ARN without its version: `arn:partition:lambda:region:account:function:name[:version]`."""
    return ":".join(arn.split(":")[:7])
