"""Resource types that do something: functions with their layers, permissions and triggers, and state machines."""

import json
import re
from collections.abc import Callable
from typing import Any

import yaml

from localcloud.aws.parameters import fit
from localcloud.aws.resource_type import Client, Created, ResourceType, one_call, words


def _function(client: Client, name: str, properties: dict[str, Any]) -> Created:
    apart = ("ReservedConcurrentExecutions", "FunctionName")
    given = {key: value for key, value in properties.items() if key not in apart}
    code = given.pop("Code")
    if "ZipFile" in code:
        raise ValueError("inline code is not supported; use CodeUri")
    made = client("lambda").create_function(
        **fit("lambda", "CreateFunction", {**given, "FunctionName": name}), Code=code
    )
    if "ReservedConcurrentExecutions" in properties:
        limit = int(properties["ReservedConcurrentExecutions"])
        client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=limit)
    return Created(name, {"Arn": made["FunctionArn"]})


def _layer(client: Client, name: str, properties: dict[str, Any]) -> Created:
    given = {key: value for key, value in properties.items() if key != "LayerName"}
    made = client("lambda").publish_layer_version(**fit("lambda", "PublishLayerVersion", {**given, "LayerName": name}))
    return Created(made["LayerVersionArn"], {"LayerVersionArn": made["LayerVersionArn"], "LayerArn": made["LayerArn"]})


def _url(client: Client, name: str, properties: dict[str, Any]) -> Created:
    given = {key: value for key, value in properties.items() if key != "TargetFunctionArn"}
    given["FunctionName"] = properties["TargetFunctionArn"]
    made = client("lambda").create_function_url_config(**fit("lambda", "CreateFunctionUrlConfig", given))
    return Created(made["FunctionArn"], {"FunctionArn": made["FunctionArn"], "FunctionUrl": made["FunctionUrl"]})


def _permission(client: Client, name: str, properties: dict[str, Any]) -> Created:
    client("lambda").add_permission(**fit("lambda", "AddPermission", {**properties, "StatementId": name}))
    return Created(name, {"Id": name})


def _invoke_config(client: Client, name: str, properties: dict[str, Any]) -> Created:
    given = {key: value for key, value in properties.items() if (key, value) != ("Qualifier", "$LATEST")}
    client("lambda").put_function_event_invoke_config(**fit("lambda", "PutFunctionEventInvokeConfig", given))
    return Created(name)


def _machine(client: Client, name: str, properties: dict[str, Any]) -> Created:
    definition = _substituted(_definition(client, properties), properties.get("DefinitionSubstitutions") or {}, name)
    renamed = {"StateMachineType": "type", "LoggingConfiguration": "loggingConfiguration"}
    same = ("RoleArn", "TracingConfiguration", "Tags", "EncryptionConfiguration", *renamed)
    given = {renamed.get(key, key): value for key, value in properties.items() if key in same}
    given |= {"name": name, "definition": json.dumps(yaml.safe_load(definition))}
    made = client("stepfunctions").create_state_machine(**fit("stepfunctions", "CreateStateMachine", given))
    return Created(made["stateMachineArn"], {"Arn": made["stateMachineArn"], "Name": name})


def _definition(client: Client, properties: dict[str, Any]) -> str:
    """The definition as text: JSON, or YAML, of which JSON is a part."""
    if "DefinitionS3Location" in properties:
        place = properties["DefinitionS3Location"]
        found: bytes = client("s3").get_object(Bucket=place["Bucket"], Key=place["Key"])["Body"].read()
        return found.decode()
    if "Definition" in properties:
        return json.dumps(properties["Definition"])
    return str(properties["DefinitionString"])


def _substituted(definition: str, values: dict[str, Any], machine: str) -> str:
    for name, value in values.items():
        definition = definition.replace("${%s}" % name, value if isinstance(value, str) else json.dumps(value))
    left = sorted(set(re.findall(r"\$\{(\w+)\}", definition)))
    if left:
        raise ValueError(
            f"the definition of {machine} uses {', '.join(left)}, which DefinitionSubstitutions does not give"
        )
    return definition


def _from_response(*, ref: str, **attributes: str) -> Callable[[str, dict[str, Any], dict[str, Any]], Created]:
    def finish(name: str, properties: dict[str, Any], response: dict[str, Any]) -> Created:
        return Created(response[ref], {mine: response[theirs] for mine, theirs in attributes.items()})

    return finish


COMPUTE = (
    ResourceType(
        "AWS::Lambda::Function",
        _function,
        words(
            "Architectures Code DeadLetterConfig Description Environment EphemeralStorage FunctionName Handler KmsKeyArn Layers "
            "LoggingConfig MemorySize PackageType ReservedConcurrentExecutions Role Runtime Tags Timeout TracingConfig VpcConfig"
        ),
        "FunctionName",
        ignored=words("RecursiveLoop RuntimeManagementConfig SnapStart"),
    ),
    ResourceType(
        "AWS::Lambda::LayerVersion",
        _layer,
        words("CompatibleArchitectures CompatibleRuntimes Content Description LayerName LicenseInfo"),
        "LayerName",
    ),
    ResourceType("AWS::Lambda::Url", _url, words("AuthType InvokeMode TargetFunctionArn")),
    ResourceType(
        "AWS::Lambda::Permission",
        _permission,
        words("Action EventSourceToken FunctionName Principal PrincipalOrgID SourceAccount SourceArn"),
    ),
    ResourceType(
        "AWS::Lambda::EventInvokeConfig",
        _invoke_config,
        words("DestinationConfig FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts Qualifier"),
    ),
    one_call(
        "AWS::Lambda::EventSourceMapping", "lambda", "CreateEventSourceMapping", _from_response(ref="UUID", Id="UUID")
    ),
    one_call(
        "AWS::Lambda::Version",
        "lambda",
        "PublishVersion",
        _from_response(ref="FunctionArn", FunctionArn="FunctionArn", Version="Version"),
    ),
    one_call("AWS::Lambda::Alias", "lambda", "CreateAlias", _from_response(ref="AliasArn", AliasArn="AliasArn")),
    ResourceType(
        "AWS::StepFunctions::StateMachine",
        _machine,
        words(
            "Definition DefinitionS3Location DefinitionString DefinitionSubstitutions EncryptionConfiguration LoggingConfiguration RoleArn "
            "StateMachineName StateMachineType Tags TracingConfiguration"
        ),
        "StateMachineName",
    ),
)
