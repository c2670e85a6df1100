"""The resource types of the local cloud. A type that is missing here cannot be in a template that is deployed locally."""

from typing import Any

from localcloud.aws.resource_access import ACCESS
from localcloud.aws.resource_compute import COMPUTE
from localcloud.aws.resource_messages import MESSAGES
from localcloud.aws.resource_storage import STORAGE
from localcloud.aws.resource_type import Created, ResourceType, one_call

_ACCOUNT = "us-east-1:123456789012"


def _finish(attribute: str, path: str, ref: str = "") -> Any:
    """Read the ARN for `attribute` at a dotted `path` of the response; `Ref` is the name, or the ARN when `ref` says so."""

    def finish(name: str, properties: dict[str, Any], response: dict[str, Any]) -> Created:
        value: Any = response
        for part in path.split("."):
            value = value[part]
        return Created(value if ref else name, {attribute: value})

    return finish


def _named(attribute: str, arn: str) -> Any:
    """For calls that return nothing: the ARN follows from the name."""

    def finish(name: str, properties: dict[str, Any], response: dict[str, Any]) -> Created:
        return Created(name, {attribute: arn.format(name=name)})

    return finish


_SIMPLE = (
    one_call(
        "AWS::CloudWatch::Alarm",
        "cloudwatch",
        "PutMetricAlarm",
        _named("Arn", f"arn:aws:cloudwatch:{_ACCOUNT}:alarm:{{name}}"),
        "AlarmName",
    ),
    one_call("AWS::CloudWatch::Dashboard", "cloudwatch", "PutDashboard", _named("Arn", "{name}"), "DashboardName"),
    one_call("AWS::CodeBuild::Project", "codebuild", "CreateProject", _finish("Arn", "project.arn"), "Name"),
    one_call("AWS::Events::EventBus", "events", "CreateEventBus", _finish("Arn", "EventBusArn"), "Name"),
    one_call(
        "AWS::SageMaker::ModelPackageGroup",
        "sagemaker",
        "CreateModelPackageGroup",
        _finish("ModelPackageGroupArn", "ModelPackageGroupArn", "arn"),
        "ModelPackageGroupName",
    ),
    one_call("AWS::Scheduler::Schedule", "scheduler", "CreateSchedule", _finish("Arn", "ScheduleArn"), "Name"),
    one_call(
        "AWS::Scheduler::ScheduleGroup", "scheduler", "CreateScheduleGroup", _finish("Arn", "ScheduleGroupArn"), "Name"
    ),
)

TYPES: dict[str, ResourceType] = {kind.name: kind for kind in (*_SIMPLE, *STORAGE, *COMPUTE, *MESSAGES, *ACCESS)}
