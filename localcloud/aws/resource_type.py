"""What a CloudFormation resource type is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.aws import parameters

Client = Callable[[str], Any]


@dataclass(frozen=True)
class Created:
    """A resource: what `Ref` gives, and what `Fn::GetAtt` gives by attribute."""

    ref: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


Create = Callable[[Client, str, dict[str, Any]], Created]


@dataclass(frozen=True)
class ResourceType:
    """How resources of a type are created: `create(client, physical name, properties)`.

    `properties` are honoured by `create`; `ignored` ones change nothing that can be seen locally. `name_property` is the property that
    holds a chosen name, empty when there is none.
    """

    name: str
    create: Create
    properties: frozenset[str]
    name_property: str = ""
    ignored: frozenset[str] = frozenset()

    def unknown(self, given: Mapping[str, Any]) -> list[str]:
        """Properties that would be lost."""
        return sorted(set(given) - self.properties - self.ignored)


def words(text: str) -> frozenset[str]:
    """A set of names, written as a line."""
    return frozenset(text.split())


def one_call(
    name: str,
    service: str,
    operation: str,
    finish: Callable[[str, dict[str, Any], dict[str, Any]], Created],
    name_property: str = "",
) -> ResourceType:
    """A type that one API call creates, whose properties are the call's parameters; `finish(name, properties, response)` says what came of it."""
    accepted = parameters.members(service, operation)
    method = _method_name(operation)

    def create(client: Client, resource_name: str, properties: dict[str, Any]) -> Created:
        given = {**properties, **({name_property: resource_name} if name_property else {})}
        response = getattr(client(service), method)(**parameters.fit(service, operation, given))
        return finish(resource_name, properties, response)

    return ResourceType(name, create, frozenset(_pascal(member) for member in accepted.values()), name_property)


def _method_name(operation: str) -> str:
    from botocore import xform_name  # noqa: PLC0415 - untyped, used here only

    method: str = xform_name(operation)
    return method


def _pascal(member: str) -> str:
    return member[0].upper() + member[1:]
