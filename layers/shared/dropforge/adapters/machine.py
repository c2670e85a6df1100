"""Step Functions: starting, answering task tokens, reading what happened."""

import json

from botocore.exceptions import ClientError

from dropforge.adapters import aws, settings
from dropforge.domain.failures import Failure
from dropforge.domain.uploads import Drop

CAUSE = 32_000
LOG = 24_000
_OVER = frozenset({"TaskTimedOut", "InvalidToken", "TaskDoesNotExist"})


def start(name: str, drop: Drop) -> bool:
    """Start `dataset_to_model` under a fixed name. Returns False when it had been started already, which is as good."""
    body = json.dumps(drop.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    try:
        aws.stepfunctions().start_execution(stateMachineArn=settings.machine_arn(), name=name, input=body)
    except ClientError as error:
        if aws.code_of(error) == "ExecutionAlreadyExists":
            return False
        raise
    return True


def stop(execution: str, why: Failure) -> None:
    """Stop an execution; `why` is what its end will say. One that is over already, or not there, is left as it is."""
    arn = execution_arn(execution)
    try:
        aws.stepfunctions().stop_execution(executionArn=arn, error=why.code, cause=_fitting(why))
    except ClientError as error:
        if aws.code_of(error) != "ExecutionDoesNotExist":
            raise


def execution_arn(execution: str) -> str:
    """Return the ARN of an execution of `dataset_to_model`."""
    return settings.machine_arn().replace(":stateMachine:", ":execution:") + f":{execution}"


def succeed(token: str, result: str) -> bool:
    """Answer a task token with a JSON document. Returns False when nobody waits for it any more."""
    try:
        aws.stepfunctions().send_task_success(taskToken=token, output=result)
    except ClientError as error:
        return _still_waiting(error)
    return True


def fail(token: str, failure: Failure) -> bool:
    """Answer a task token with a failure. Returns False when nobody waits for it any more."""
    cause = _fitting(failure)
    try:
        aws.stepfunctions().send_task_failure(taskToken=token, error=failure.error, cause=cause)
    except ClientError as error:
        return _still_waiting(error)
    return True


def _fitting(failure: Failure) -> str:
    """Return a failure as JSON that Step Functions takes (32,768 characters): the oldest log lines go first, the cause is cut last."""
    kept = failure.shortened(LOG)
    if len(kept.model_dump_json()) > CAUSE:
        kept = kept.model_copy(update={"why": kept.why[:2000], "evidence": {}})
    return kept.model_dump_json()


def _still_waiting(error: ClientError) -> bool:
    if aws.code_of(error) in _OVER:
        return False
    raise error


def describe(execution: str) -> dict[str, object] | None:
    """Return DescribeExecution's answer for an execution name, or None."""
    try:
        return dict(aws.stepfunctions().describe_execution(executionArn=execution_arn(execution)))
    except ClientError as error:
        if aws.code_of(error) == "ExecutionDoesNotExist":
            return None
        raise


def history(execution_arn: str) -> list[dict[str, object]]:
    """Return an execution's events, oldest first, without their payloads."""
    pages = aws.stepfunctions().get_paginator("get_execution_history")
    found = pages.paginate(executionArn=execution_arn, includeExecutionData=False)
    return [dict(event) for page in found for event in page["events"]]
