"""The OpenAPI v3 documents: what each kind looks like and which parameters its requests take.

Made from the Kubernetes client's own models, so that nothing is written down twice; custom kinds bring their schema. Kueue's kinds are named,
with any content: kueue_rules.py knows theirs.
"""

import re
from functools import cache
from typing import Any

from kubernetes.client import models

from localcloud.kubernetes.errors import unknown_path
from localcloud.kubernetes.kinds import Kinds
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.resources import Resource
from localcloud.kubernetes.schema import DICT_OF, LIST_OF, MODEL_NAMES

_PLAIN: dict[str, Object] = {
    "str": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
    "int": {"type": "integer", "format": "int32"},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "object": {},
}
_STRICT = {"name": "fieldValidation", "in": "query", "schema": {"type": "string", "uniqueItems": True}}
_VERBS = ("get", "put", "patch", "delete")


def document(path: str, kinds: Kinds) -> Object | None:
    """Give the index of all documents, or the one of a group and version; None for another path."""
    if path == "/openapi/v3":
        groups = {_place(r.group, version): None for r in kinds.all() for version in r.served}
        return {"paths": {place: {"serverRelativeURL": f"/openapi/v3/{place}?hash=1"} for place in groups}}
    found = re.fullmatch(r"/openapi/v3/(?:api|apis/([^/]+))/([^/]+)", path)
    return _group(found[1] or "", found[2], kinds) if found else None


def _place(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _group(group: str, version: str, kinds: Kinds) -> Object:
    found = tuple(kinds.served(group, version))
    if not found:
        raise unknown_path()
    changing = any(one.definition for one in found)  # of equal kinds the definitions may differ
    return _described(found, version) if changing else _remembered(found, version)


def _described(found: tuple[Resource, ...], version: str) -> Object:
    schemas: dict[str, Object] = {}
    paths = {}
    for resource in found:
        schemas[_name(resource.kind)] = _root(resource, version, schemas)
        paths.update(_paths(resource, version))
    info = {"title": "Kubernetes", "version": "local"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


_remembered = cache(_described)


def _kind(resource: Resource, version: str) -> Object:
    return {"group": resource.group, "kind": resource.kind, "version": version}


def _paths(resource: Resource, version: str) -> Object:
    within = "namespaces/{namespace}/" if resource.namespaced else ""
    one = f"/{_place(resource.group, version)}/{within}{resource.plural}/{{name}}"
    many = one.rpartition("/")[0]
    return {
        one: {verb: _operation(resource, version) for verb in _VERBS},
        many: {"post": _operation(resource, version)},
    }


def _operation(resource: Resource, version: str) -> Object:
    body = {"application/json": {"schema": _reference(_name(resource.kind))}}
    return {
        "parameters": [_STRICT],
        "responses": {"200": {"description": "OK", "content": body}},
        "x-kubernetes-group-version-kind": _kind(resource, version),
    }


def _root(resource: Resource, version: str, schemas: dict[str, Object]) -> Object:
    if resource.definition is not None:
        return _custom(resource, version, schemas)
    model = getattr(models, MODEL_NAMES.get(resource.kind, f"V1{resource.kind}"), None)
    found = _schema(model, schemas) if model else {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {**found, "x-kubernetes-group-version-kind": [_kind(resource, version)]}


def _custom(resource: Resource, version: str, schemas: dict[str, Object]) -> Object:
    schema = resource.at(version)["schema"]["openAPIV3Schema"]
    head = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": _type("V1ObjectMeta", schemas)}
    properties = {**(schema.get("properties") or {}), **head}
    return {**schema, "properties": properties, "x-kubernetes-group-version-kind": [_kind(resource, version)]}


def _name(kind: str) -> str:
    return f"V1{kind}"


def _reference(name: str) -> Object:
    return {"$ref": f"#/components/schemas/{name}"}


def _schema(model: Any, schemas: dict[str, Object]) -> Object:
    properties = {
        model.attribute_map[name]: {**_type(kind, schemas), "description": _words(model, name)}
        for name, kind in model.openapi_types.items()
    }
    return {"type": "object", "properties": properties}


def _words(model: Any, name: str) -> str:
    """What the generated model says of a field, below the line that says whose it is."""
    doc = getattr(model, name).__doc__ or ""
    words = doc.partition("# noqa: E501")[2].partition("# noqa: E501")[0].strip()
    return "" if words.startswith(":return:") else words


def _type(kind: str, schemas: dict[str, Object]) -> Object:
    if kind in _PLAIN:
        return _PLAIN[kind]
    if found := LIST_OF.match(kind):
        return {"type": "array", "items": _type(found[1], schemas)}
    if found := DICT_OF.match(kind):
        return {"type": "object", "additionalProperties": _type(found[1], schemas)}
    if kind not in schemas:
        schemas[kind] = {}  # models refer to each other in circles
        schemas[kind] = _schema(getattr(models, kind), schemas)
    return {"allOf": [_reference(kind)]}
