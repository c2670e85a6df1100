"""Repairs of what Step Functions answers and announces: names, outputs, tokens, histories, stops, status events.

StopExecution marks the execution ABORTED at once, while its threads are still being woken: AWS answers the same way.
"""

import json
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.stepfunctions.parser.api import ExecutionStatus, InvalidOutput, InvalidToken, TaskTimedOut
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeFailure, CallbackOutcomeSuccess
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.parser.utils import TMP_THREADS

from localcloud.aws.seams import Replacements

_RESPONSES = "moto.stepfunctions.responses:StepFunctionResponse"
_EXECUTION = "moto.stepfunctions.parser.backend.execution"

Announce = Callable[[str, str, dict[str, Any], list[str]], None]


def install(replacements: Replacements, announce: Announce) -> None:
    """Apply the repairs; `announce(source, detail_type, detail, resources)` puts an event on the default bus."""
    _start_with_name(replacements, announce)
    _end_once(replacements, announce)
    replacements.replace(f"{_RESPONSES}.send_task_success", _send_task_success)
    replacements.replace(f"{_RESPONSES}.send_task_failure", _send_task_failure)
    replacements.replace(f"{_RESPONSES}.send_task_heartbeat", _send_task_heartbeat)
    replacements.replace(f"{_RESPONSES}.get_execution_history", _get_execution_history)
    replacements.replace(f"{_RESPONSES}.stop_execution", _stop_execution)
    _tell_every_stop_date(replacements)


def _start_with_name(replacements: Replacements, announce: Announce) -> None:
    """An execution without a name gets one, starts under a lock (names are claimed once), and its start is announced."""
    lock = threading.Lock()

    def start(
        backend: Any,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: Any = None,
        trace_header: Any = None,
    ) -> Any:
        with lock:
            known = set(map(id, backend.describe_state_machine(state_machine_arn).executions))
            execution = original(backend, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header)
        if id(execution) not in known:
            _announce(announce, execution, "RUNNING")
        return execution

    seam = "moto.stepfunctions.parser.models:StepFunctionsParserBackend.start_execution"
    original = replacements.replace(seam, start)

    def compare(machine: Any, name: str, given: str | None) -> Any:
        return original_compare(machine, name, given or "{}")

    seam = "moto.stepfunctions.models:StateMachine._handle_name_input_idempotency"
    original_compare = replacements.replace(seam, compare)


def _end_once(replacements: Replacements, announce: Announce) -> None:
    """The first end of an execution counts; its output is a JSON document."""

    def terminated(communication: Any) -> None:
        execution = communication.execution
        if execution.status != "RUNNING":
            return
        communication._reflect_execution_status()
        if execution.status == "SUCCEEDED":
            execution.output = json.dumps(execution.output, default=str)
        _announce(announce, execution, execution.status)

    def stop(execution: Any, stop_date: Any, error: str | None, cause: str | None) -> None:
        if execution.status != "RUNNING":
            return
        execution.exec_status, execution.stop_date = ExecutionStatus.ABORTED, stop_date
        execution.error, execution.cause = error, cause
        worker = execution.exec_worker
        if worker.env is not None:
            worker.env.set_stop(stop_date=stop_date, cause=cause, error=error)
        _announce(announce, execution, "ABORTED")

    replacements.replace(f"{_EXECUTION}:BaseExecutionWorkerCommunication.terminated", terminated)
    replacements.replace(f"{_EXECUTION}:Execution.stop", stop)


def _announce(announce: Announce, execution: Any, status: str) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html (times in milliseconds)."""
    detail = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine.arn,
        "name": execution.name,
        "status": status,
        "startDate": _milliseconds(execution.start_date),
        "stopDate": _milliseconds(execution.stop_date),
        "input": execution.execution_input,
        "output": execution.output if status == "SUCCEEDED" else None,
        "error": execution.error,
        "cause": execution.cause,
    }
    announce("aws.states", "Step Functions Execution Status Change", detail, [execution.exec_arn])


def _milliseconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp() * 1000) if moment else None


def _send_task_success(response: Any) -> Any:
    output = response._get_param("output")
    try:
        json.loads(output)
    except ValueError as error:
        raise InvalidOutput(str(error), "InvalidOutput", 400) from error
    token = response._get_param("taskToken")
    _waiting(response, token).notify(CallbackOutcomeSuccess(callback_id=token, output=output))
    return EmptyResult()


def _send_task_failure(response: Any) -> Any:
    token = response._get_param("taskToken")
    failure = CallbackOutcomeFailure(
        callback_id=token, error=response._get_param("error"), cause=response._get_param("cause")
    )
    _waiting(response, token).notify(failure)
    return EmptyResult()


def _send_task_heartbeat(response: Any) -> Any:
    _waiting(response, response._get_param("taskToken")).notify_heartbeat()
    return EmptyResult()


def _waiting(response: Any, token: str) -> Any:
    """The open task of a token. A closed execution, or a task that ended already, is TaskTimedOut, an unknown token InvalidToken."""
    for execution in [e for machine in response.stepfunction_backend.state_machines for e in machine.executions]:
        env = execution.exec_worker.env
        endpoint = env.callback_pool_manager.get(token) if env else None
        if endpoint is None:
            continue
        if execution.status != "RUNNING" or endpoint.consumer_error or endpoint.get_outcome():
            raise TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'", "TaskTimedOut", 400)
        return endpoint
    raise InvalidToken


def _get_execution_history(response: Any) -> Any:
    arn = response._get_param("executionArn")
    events = list(response.stepfunction_backend.get_execution_history(arn)["events"])
    if response._get_param("reverseOrder"):
        events.reverse()
    start, size = int(response._get_param("nextToken") or 0), int(response._get_param("maxResults") or 1000)
    page: dict[str, Any] = {"events": events[start : start + size]}
    if start + size < len(events):
        page["nextToken"] = str(start + size)
    return ActionResult(page)


def _stop_execution(response: Any) -> Any:
    """moto dropped error and cause, and answered with the wrong execution when names repeat across machines."""
    execution = response.stepfunction_backend.describe_execution(response._get_param("executionArn"))
    execution.stop(datetime.now(UTC), response._get_param("error"), response._get_param("cause"))
    return ActionResult({"stopDate": execution.stop_date})


def _tell_every_stop_date(replacements: Replacements) -> None:
    """moto forgot the stop date of a TIMED_OUT execution."""

    def describe(response: Any) -> Any:
        result = original(response)
        execution = response.stepfunction_backend.describe_execution(response._get_param("executionArn"))
        if execution.status == "TIMED_OUT":
            result.result["stopDate"] = execution.stop_date
        return result

    original = replacements.replace(f"{_RESPONSES}.describe_execution", describe)


def stop_all() -> None:
    """Abort every running execution and wait for the interpreter's threads."""
    backends = [backend for account in stepfunctions_parser_backends.values() for backend in account.values()]
    for execution in [e for backend in backends for machine in backend.state_machines for e in machine.executions]:
        execution.stop(datetime.now(UTC), None, "the local cloud was stopped")


def join_threads(seconds: float = 5.0) -> None:
    """Wait for the interpreter's threads after everything they could wait for is gone."""
    for thread in TMP_THREADS:
        thread.join(timeout=seconds)
    TMP_THREADS.clear()
