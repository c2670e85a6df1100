"""Transactions of DynamoDB that were sent twice: moto ignores their ClientRequestToken and would carry them out, or refuse them, again.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html: the same request within ten minutes succeeds
without effect, another one under the same token is refused. The minutes are real ones: a token that forgot early would fail good clients.
"""

import time
from typing import Any

from moto.core.exceptions import JsonRESTError

from localcloud.aws.seams import Replacements

VALID_SECONDS = 600.0


def install(replacements: Replacements) -> None:
    """Remember every transaction that was carried out, by its token. DynamoDB's calls are served one at a time, so no lock is needed."""
    done: dict[str, tuple[float, Any, Any]] = {}

    def write(handler: Any) -> Any:
        token = handler.body.get("ClientRequestToken")
        moment, request, answer = done.get(token, (float("-inf"), None, None))
        if time.monotonic() - moment > VALID_SECONDS:
            answer = original(handler)
            if token:
                done[token] = (time.monotonic(), handler.body, answer)
        elif request != handler.body:
            text = "this ClientRequestToken was used within ten minutes for another request: use a new one"
            raise JsonRESTError("IdempotentParameterMismatchException", text)
        return answer

    original = replacements.replace("moto.dynamodb.responses:DynamoHandler.transact_write_items", write)
