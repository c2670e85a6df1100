"""The other door: what people ask for through a function's URL. `task.py` is the machines' door.

A direct invocation does not say who calls, so acting functions are reached by their URLs, where IAM has checked the caller and Lambda says who
it is (Lambda Developer Guide, "Invoking Lambda function URLs": requestContext.authorizer.iam). An invocation without that is refused.
"""

import functools
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar, cast, get_type_hints

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from dropforge.adapters import aws
from dropforge.domain.callers import Ask, read_asked
from dropforge.domain.failures import Failure
from dropforge.errors import Problem

STATUS = {
    "InvalidInput": HTTPStatus.BAD_REQUEST,
    "NotFound": HTTPStatus.NOT_FOUND,
    "Conflict": HTTPStatus.CONFLICT,
    "QuotaExceeded": HTTPStatus.FORBIDDEN,
    "NotReady": HTTPStatus.CONFLICT,
    "Unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}
logger = Logger(service="dropforge")

Out = TypeVar("Out", bound=BaseModel)
Answer = dict[str, object]


def action(function: Callable[[Ask], Out]) -> Callable[[dict[str, object], LambdaContext], Answer]:
    """Turn a function of what a person asks into the handler of a function URL: a refusal is an answer, not an error of the function."""
    hints = get_type_hints(function)
    kind: type[Ask] = next(hint for name, hint in hints.items() if name != "return")

    @functools.wraps(function)
    def handler(event: dict[str, object], context: LambdaContext) -> Answer:
        logger.set_correlation_id(context.aws_request_id)
        try:
            with aws.translated():
                return _answer(HTTPStatus.OK, function(read_asked(event, kind)))
        except Problem as problem:
            return _refuse(problem.failure)

    handler.contract = hints  # type: ignore[attr-defined]
    return cast("Callable[[dict[str, object], LambdaContext], Answer]", handler)


def _refuse(found: Failure) -> Answer:
    logger.warning("refused", failure=found.model_dump(mode="json", exclude={"log"}))
    return _answer(STATUS.get(found.error, HTTPStatus.INTERNAL_SERVER_ERROR), found)


def _answer(status: HTTPStatus, body: BaseModel) -> Answer:
    headers = {"Content-Type": "application/json"}
    return {"statusCode": int(status), "headers": headers, "body": json.dumps(body.model_dump(mode="json"))}
