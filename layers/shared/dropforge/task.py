"""The only decorator: a handler's annotations are its contract.

`@task` reads the event into the annotated value, runs the function, and returns its value as JSON. An event that does not fit is a defect of the
caller's definition and escapes as pydantic's own error; a busy AWS is translated; everything is logged once with its failure.
"""

import functools
import inspect
import json
from collections.abc import Callable
from typing import TypeVar, cast, get_type_hints

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, TypeAdapter

from dropforge.adapters import aws
from dropforge.errors import Problem

LIMIT = 64 * 1024  # bytes of a result: a quarter of what Step Functions carries
logger = Logger(service="dropforge")

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)
Handler = Callable[[dict[str, object], LambdaContext], object]


def task(function: Callable[[In], Out]) -> Handler:
    """Turn a function of one value into a Lambda handler."""
    hints = get_type_hints(function)
    name = next(iter(inspect.signature(function).parameters))
    reader: TypeAdapter[In] = TypeAdapter(hints[name])

    @functools.wraps(function)
    def handler(event: dict[str, object], context: LambdaContext) -> object:
        logger.set_correlation_id(context.aws_request_id)
        try:
            with aws.translated():
                result = function(reader.validate_python(event))
        except Problem as problem:
            logger.warning("failed", failure=problem.failure.model_dump(mode="json", exclude={"log"}))
            raise
        return _within_limit(result)

    handler.contract = hints  # type: ignore[attr-defined]
    return cast("Handler", handler)


def _within_limit(result: BaseModel) -> object:
    document = result.model_dump(mode="json")
    size = len(json.dumps(document))
    if size > LIMIT:
        raise ValueError(f"The result has {size:,} bytes; pass a reference instead (limit {LIMIT:,}).")
    return document
