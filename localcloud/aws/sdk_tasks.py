"""Repairs of how states call other services: parameter names, values and error names follow botocore's models.

moto left the translation between the PascalCase of the states language and the case of each API as empty methods.
"""

from functools import cache
from typing import Any

from botocore import xform_name
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_lambda

from localcloud.aws.routes import service_model
from localcloud.aws.seams import Replacements

_TASK = "moto.stepfunctions.parser.asl.component.state.exec.state_task.service"
_SERVICE = f"{_TASK}.state_task_service:StateTaskService"
_SDK = f"{_TASK}.state_task_service_aws_sdk:StateTaskServiceAwsSdk"


def install(replacements: Replacements) -> None:
    """Apply the repairs."""
    replacements.replace(f"{_SERVICE}._get_boto_service_action", _action)
    replacements.replace(f"{_SERVICE}._normalise_parameters", _normalise_parameters)
    replacements.replace(f"{_SERVICE}._normalise_response", _normalise_response)
    _convert_deeply(replacements)
    replacements.replace(f"{_SDK}._normalise_service_error_name", staticmethod(_service_error_name))
    replacements.replace(f"{_SDK}._normalise_exception_name", staticmethod(_exception_name))
    bindings = state_task_service_lambda._SUPPORTED_API_PARAM_BINDINGS
    seam = f"{_TASK}.state_task_service_lambda:_SUPPORTED_API_PARAM_BINDINGS"
    replacements.replace(seam, {"invoke": bindings["invoke"] | {"InvocationType"}})


def _action(task: Any, service_action_name: str | None = None) -> str:
    name: str = xform_name(service_action_name or task.resource.api_action)
    return name


@cache
def _operation(service: str, action: str) -> Any:
    model = service_model(service)
    names = [name for name in (model.operation_names if model else []) if xform_name(name) == action]
    return model.operation_model(names[0]) if names else None


def _normalise_parameters(
    task: Any, parameters: Any, boto_service_name: Any = None, service_action_name: Any = None
) -> None:
    operation = _operation(task._get_boto_service_name(boto_service_name), _action(task, service_action_name))
    if operation and operation.input_shape:
        task._to_boto_request(parameters, operation.input_shape)


def _normalise_response(
    task: Any, response: Any, boto_service_name: Any = None, service_action_name: Any = None
) -> None:
    operation = _operation(task._get_boto_service_name(boto_service_name), _action(task, service_action_name))
    if operation and operation.output_shape:
        task._from_boto_response(response, operation.output_shape)


def _convert_deeply(replacements: Replacements) -> None:
    """Lists and maps are converted element by element, and text is accepted where the API wants bytes."""

    def convert(task: Any, value: Any, shape: Any) -> Any:
        if shape.type_name == "blob" and isinstance(value, str):
            return value.encode()
        if shape.type_name == "list" and isinstance(value, list):
            return [convert(task, item, shape.member) for item in value]
        if shape.type_name == "map" and isinstance(value, dict):
            return {key: convert(task, item, shape.value) for key, item in value.items()}
        return original(task, value, shape)

    original = replacements.replace(f"{_SERVICE}._to_boto_request_value", convert)


def _service_error_name(service_name: str) -> str:
    """`Ssm`, `DynamoDb`, `SageMaker`: the service's id, with words in capitals only folded."""
    lowered = service_name.lower()
    model = service_model({"sfn": "stepfunctions"}.get(lowered, lowered))
    words = str(model.service_id).replace("-", " ").split()
    return "".join(word if any(c.islower() for c in word) else word.capitalize() for word in words)


def _exception_name(service: str, error: Any) -> str:
    known = type(error).__name__ != "ClientError"
    name = error.response["Error"]["Code"] if known else service
    return f"{service}.{name}" if name.endswith("Exception") else f"{service}.{name}Exception"
