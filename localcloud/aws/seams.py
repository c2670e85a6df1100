"""The places where moto is changed, in one table, checked at start and undone at stop.

moto has no extension points for what we need, so its attributes are replaced; the exact version is pinned because these are private,
and a seam that is missing must be one clear error instead of a repair that silently no longer applies.
"""

import importlib
import sys
from functools import reduce
from importlib.metadata import version
from typing import Any

MOTO_VERSION = "5.2.5"

_ASL = "moto.stepfunctions.parser.asl"
_TASK = f"{_ASL}.component.state.exec.state_task.service"

SEAMS = (
    "moto.awslambda.models:FunctionUrlConfig.__init__",
    "moto.awslambda.models:LambdaFunction.__init__",
    "moto.awslambda.models:LambdaFunction._invoke_lambda",
    "moto.awslambda.models:LambdaFunction.get_configuration",
    "moto.awslambda.models:LambdaFunction.invoke",
    "moto.awslambda.models:LambdaBackend.send_sns_message",
    "moto.awslambda.models:LambdaBackend.send_sqs_batch",
    "moto.awslambda.models:LambdaBackend.send_dynamodb_items",
    "moto.backends:list_of_moto_modules",
    "moto.cloudformation.parsing:resource_name_property_from_type",
    "moto.dynamodb.responses:DynamoHandler.transact_write_items",
    "moto.events.models:EventsBackend.put_rule",
    "moto.events.models:Rule.put_targets",
    "moto.events.models:Rule.send_to_targets",
    "moto.s3.models:FakeBucket.get_permission",
    "moto.s3.models:S3Backend.complete_multipart_upload",
    "moto.s3.notifications:_invoke_awslambda",
    "moto.s3.notifications:_send_event_bridge_message",
    "moto.s3.notifications:send_event",
    "moto.s3.responses:S3Response._get_checksum",
    "moto.scheduler.models:EventBridgeSchedulerBackend.create_schedule",
    "moto.scheduler.models:EventBridgeSchedulerBackend.update_schedule",
    "moto.sqs.models:Queue.add_message",
    "moto.stepfunctions.models:StateMachine._handle_name_input_idempotency",
    "moto.stepfunctions.parser.backend.execution:BaseExecutionWorkerCommunication.terminated",
    "moto.stepfunctions.parser.backend.execution:Execution.stop",
    "moto.stepfunctions.parser.models:StepFunctionsParserBackend.start_execution",
    "moto.stepfunctions.responses:StepFunctionResponse.describe_execution",
    "moto.stepfunctions.responses:StepFunctionResponse.get_execution_history",
    "moto.stepfunctions.responses:StepFunctionResponse.list_executions",
    "moto.stepfunctions.responses:StepFunctionResponse.send_task_failure",
    "moto.stepfunctions.responses:StepFunctionResponse.send_task_heartbeat",
    "moto.stepfunctions.responses:StepFunctionResponse.send_task_success",
    "moto.stepfunctions.responses:StepFunctionResponse.stop_execution",
    f"{_ASL}.component.common.error_name.custom_error_name:CustomErrorName.__init__",
    f"{_ASL}.component.common.retry.retrier_decl:time",
    f"{_ASL}.component.intrinsic.jsonata:get_intrinsic_functions_declarations",
    f"{_ASL}.component.state.choice.state_choice:StateChoice._eval_state",
    f"{_ASL}.component.state.choice.state_choice:StateChoice._eval_state_output",
    f"{_ASL}.component.state.exec.state_map.item_reader.item_reader_decl:ItemReader._eval_body",
    f"{_ASL}.component.state.exec.state_map.iteration.distributed_iteration_component:DistributedIterationComponent._map_run",
    f"{_ASL}.component.state.wait.wait_function.wait_function:WaitFunction._wait_interval",
    f"{_ASL}.eval.environment:Environment.set_error",
    f"{_ASL}.eval.environment:Environment.set_stop",
    f"{_ASL}.eval.environment:Environment.set_timed_out",
    f"{_ASL}.jsonata.jsonata:_ILLEGAL_VARIABLE_REFERENCES",
    f"{_ASL}.jsonata.jsonata:_eval_jsonata",
    f"{_ASL}.jsonata.jsonata:encode_jsonata_variable_declarations",
    f"{_ASL}.parse.asl_parser:AmazonStateLanguageParser.parse",
    f"{_ASL}.parse.preprocessor:Preprocessor.__init__",
    f"{_ASL}.utils.boto_client:boto_client_for",
    f"{_TASK}.state_task_service:StateTaskService._before_eval_execution",
    f"{_TASK}.state_task_service:StateTaskService._get_boto_service_action",
    f"{_TASK}.state_task_service:StateTaskService._normalise_parameters",
    f"{_TASK}.state_task_service:StateTaskService._normalise_response",
    f"{_TASK}.state_task_service:StateTaskService._to_boto_request_value",
    f"{_TASK}.state_task_service_aws_sdk:StateTaskServiceAwsSdk._normalise_exception_name",
    f"{_TASK}.state_task_service_aws_sdk:StateTaskServiceAwsSdk._normalise_service_error_name",
    f"{_TASK}.state_task_service_lambda:_SUPPORTED_API_PARAM_BINDINGS",
)


class SeamsMissing(RuntimeError):
    """moto is not the version, or not the shape, that our repairs were written for."""


def check(expected: tuple[str, ...] = SEAMS, moto_version: str = MOTO_VERSION) -> None:
    """Raise SeamsMissing naming every seam that is gone, or the wrong version."""
    installed = version("moto")
    if installed != moto_version:
        raise SeamsMissing(f"the local cloud needs moto {moto_version}, but {installed} is installed")
    missing = [seam for seam in expected if not _exists(seam)]
    if missing:
        raise SeamsMissing(f"moto {installed} no longer has: {', '.join(missing)}")


def _exists(seam: str) -> bool:
    module_name, _, path = seam.partition(":")
    try:
        reduce(getattr, path.split("."), importlib.import_module(module_name))
    except (ImportError, AttributeError):
        return False
    return True


def _owner(seam: str) -> tuple[Any, str]:
    module_name, _, path = seam.partition(":")
    *parents, name = path.split(".")
    return reduce(getattr, parents, importlib.import_module(module_name)), name


def _present(owner: Any, name: str) -> Any:
    """The attribute as it was defined (a classmethod stays one), or as it is inherited."""
    return vars(owner)[name] if name in vars(owner) else getattr(owner, name)


class Replacements:
    """What has been replaced in moto, so that it can be put back in reverse order."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any]] = []

    def replace(self, seam: str, value: Any) -> Any:
        """Put `value` at `seam` (an entry of SEAMS) and return what was there, unbound."""
        if seam not in SEAMS:
            raise KeyError(f"{seam} is not in the table of seams")
        owner, name = _owner(seam)
        original = _present(owner, name)
        self._set(owner, name, value)
        return getattr(original, "__func__", original)

    @staticmethod
    def original(seam: str) -> Any:
        """What is at `seam` now, unbound."""
        return _present(*_owner(seam))

    def replace_everywhere(self, seam: str, value: Any) -> Any:
        """Like `replace`, also in every moto module that imported the function by name."""
        original = self.replace(seam, value)
        name = seam.rpartition(":")[2]
        for module in [m for m in list(sys.modules.values()) if getattr(m, "__name__", "").startswith("moto.")]:
            if vars(module).get(name) is original:
                self._set(module, name, value)
        return original

    def _set(self, owner: Any, name: str, value: Any) -> None:
        self._undo.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, value)

    def restore(self) -> None:
        """Undo everything, last change first."""
        while self._undo:
            owner, name, original = self._undo.pop()
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)


_ABSENT = object()
