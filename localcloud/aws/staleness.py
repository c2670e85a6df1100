"""Reads that are eventually consistent in AWS show, while switched on, what was there some seconds ago.

Always the oldest state AWS might still show, so that a test does not depend on luck. S3 is strongly consistent and is left alone.
"""

import copy
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.models import dynamodb_backends
from moto.stepfunctions.parser.api import ExecutionDoesNotExist

from localcloud.aws.routes import Call
from localcloud.aws.seams import Replacements

_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
_READS = ("GetItem", "Query", "Scan")
_RESPONSES = "moto.stepfunctions.responses:StepFunctionResponse"


@dataclass(frozen=True)
class _Before:
    """What a table held just before it was written to at `moment` (of the monotonic clock)."""

    moment: float
    table: Any
    items: Any


class StaleReads:
    """How long a write stays invisible, in real seconds, and what is shown meanwhile."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._history: list[_Before] = []

    def hide_for(self, seconds: float) -> None:
        """Writes from now on stay invisible that long; 0 shows everything at once."""
        self._seconds = seconds
        if not seconds:
            self._history = []

    def hides(self, made: datetime) -> bool:
        """True while something made at that time is not yet visible."""
        return time.time() - made.timestamp() < self._seconds

    @contextmanager
    def tables(self, call: Call, body: bytes) -> Iterator[None]:
        """Serve one DynamoDB request inside: its tables show an old state to reads that allow it. Needs the service's lock."""
        if not self._seconds or call.service != "dynamodb":
            yield
            return
        if call.operation in _WRITES:
            self._remember()
        shown = self._as_they_were(_read_eventually(call.operation, json.loads(body or b"{}")))
        with _showing(shown):
            yield

    def _remember(self) -> None:
        """Keep a copy of every table; items are changed in place, so the copy is deep."""
        now = time.monotonic()
        recent = [before for before in self._history if now - before.moment < self._seconds]
        self._history = [*recent, *(_Before(now, table, copy.deepcopy(table.items)) for table in _tables())]

    def _as_they_were(self, names: set[str]) -> list[_Before]:
        """For each table the oldest copy that is not too old: nothing had been written between then and that write."""
        now, oldest = time.monotonic(), {}
        for before in reversed(self._history):
            if before.table.name in names and now - before.moment < self._seconds:
                oldest[id(before.table)] = before
        return list(oldest.values())


def _tables() -> list[Any]:
    backends = [backend for account in list(dynamodb_backends.values()) for backend in list(account.values())]
    return [table for backend in backends for table in backend.tables.values()]


def _read_eventually(operation: str, parameters: dict[str, Any]) -> set[str]:
    """Names of the tables that a request reads without asking for consistency."""
    asked = parameters.get("RequestItems", {}) if operation == "BatchGetItem" else {}
    if operation in _READS:
        asked = {parameters["TableName"]: parameters}
    return {name.rpartition("/")[2] for name, options in asked.items() if not options.get("ConsistentRead")}


@contextmanager
def _showing(shown: list[_Before]) -> Iterator[None]:
    current = [(before.table, before.table.items) for before in shown]
    for before in shown:
        before.table.items = before.items
    try:
        yield
    finally:
        for table, items in current:
            table.items = items


def install(replacements: Replacements, stale: StaleReads) -> None:
    """Let new executions be absent from DescribeExecution and ListExecutions, which are eventually consistent."""

    def describe(response: Any) -> Any:
        answer = original_describe(response)
        if stale.hides(answer.result["startDate"]):
            arn = response._get_param("executionArn")
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'", "ExecutionDoesNotExist", 400)
        return answer

    def listed(response: Any) -> Any:
        result = original_list(response).result
        return ActionResult(
            {**result, "executions": [e for e in result["executions"] if not stale.hides(e["startDate"])]}
        )

    original_describe = replacements.replace(f"{_RESPONSES}.describe_execution", describe)
    original_list = replacements.replace(f"{_RESPONSES}.list_executions", listed)
