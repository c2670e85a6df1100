"""Stacks: every resource type is created through its own API, with every property honoured or refused.

Stock moto skips unknown types and drops properties silently; here both are errors that name the resource, found before anything is
created. Updates and deletions of stacks are not supported: a local stack is thrown away and made again.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel

from localcloud.aws.errors import StackFailed
from localcloud.aws.resource_table import TYPES
from localcloud.aws.resource_type import Created, ResourceType
from localcloud.aws.seams import Replacements

LOG = logging.getLogger(__name__)

Client = Callable[[str], Any]
_MODELS: dict[str, type] = {}  # moto finds subclasses that are alive, so these are kept
_CURRENT: list[Client] = []  # the models are made once per process, the cloud behind them changes


def install(replacements: Replacements, client: Client) -> None:
    """Make moto's stacks use our resource types, and our idea of which property holds a resource's name."""
    _CURRENT[:] = [client]
    for resource_type in TYPES.values():
        if resource_type.name not in _MODELS:
            _MODELS[resource_type.name] = _model(resource_type)
    for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        cached.cache_clear()
    replacements.replace(
        "moto.cloudformation.parsing:resource_name_property_from_type", lambda kind: TYPES[kind].name_property
    )


def check(template: Mapping[str, Any]) -> None:
    """Raise StackFailed for every resource whose type or property the local cloud cannot honour."""
    problems = [
        problem
        for name, resource in template["Resources"].items()
        for problem in _problems(name, resource["Type"], resource.get("Properties") or {})
    ]
    if problems:
        raise StackFailed("; ".join(problems))


def _problems(name: str, kind: str, properties: Mapping[str, Any]) -> list[str]:
    if kind not in TYPES:
        return [f"{name}: the local cloud has no {kind}"]
    unknown = TYPES[kind].unknown(properties)
    return [f"{name} ({kind}): the local cloud does not honour {', '.join(unknown)}"] if unknown else []


def _model(resource_type: ResourceType) -> type:
    """A class by which moto creates resources of one type."""

    def create(
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **context: Any,
    ) -> "_Resource":
        properties = {
            name: value for name, value in cloudformation_json.get("Properties", {}).items() if value is not None
        }
        try:
            created = resource_type.create(_CURRENT[0], resource_name, properties)
        except Exception as error:
            raise ValidationError(message=f"{context['LogicalId']} ({resource_type.name}): {error}") from error
        return _Resource(created, resource_type.name)

    members = {
        # moto takes the service's name from the second part of the module name
        "__module__": "localcloud.aws.cloudformation",
        "cloudformation_name_type": staticmethod(lambda: resource_type.name_property),
        "cloudformation_type": staticmethod(lambda: resource_type.name),
        "has_cfn_attr": staticmethod(lambda attribute: True),
        "create_from_cloudformation_json": staticmethod(create),
    }
    return type(resource_type.name.replace("::", ""), (CloudFormationModel,), members)


class _Resource:
    """A created resource as moto's stacks want it."""

    def __init__(self, created: Created, kind: str) -> None:
        self.physical_resource_id = created.ref
        self.type = kind
        self._attributes = created.attributes

    def get_cfn_attribute(self, name: str) -> Any:
        """For Fn::GetAtt."""
        if name not in self._attributes:
            raise ValidationError(message=f"{self.type} has no attribute {name}")
        return self._attributes[name]

    def is_created(self) -> bool:
        """There is nothing to wait for: create returns when the resource is there."""
        return True
