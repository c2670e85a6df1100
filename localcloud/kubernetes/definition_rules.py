"""What a CustomResourceDefinition must be, and its defaults. What this cluster would not do is refused by name."""

from collections.abc import Iterator
from typing import Any

from localcloud.kubernetes import columns, schema_rules, structural, validation
from localcloud.kubernetes.errors import Cause, required, unsupported
from localcloud.kubernetes.objects import Object, dig, is_true, name_of
from localcloud.kubernetes.validation import shown

_REQUIRED, _FORBIDDEN = "FieldValueRequired", "FieldValueForbidden"
_NOT_HERE = "the local cluster does not support this field"
_APPROVED = "api-approved.kubernetes.io"
_PROTECTED = (".k8s.io", ".kubernetes.io")
_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_ALWAYS_FORBIDDEN = ("$ref", "additionalItems", "definitions", "dependencies", "deprecated", "discriminator", "id",
                     "patternProperties", "readOnly", "writeOnly", "xml")  # fmt: skip


def admit_definition(new: Object, old: Object | None) -> list[Cause]:
    """Default and check a definition."""
    spec = new.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = str(names.get("kind") or "")
    names.setdefault("singular", kind.lower())
    names.setdefault("listKind", f"{kind}List")
    spec.setdefault("conversion", {"strategy": "None"})
    if missing := list(_missing(spec)):
        return missing
    causes = [*_name_causes(new), *_version_causes(spec), *_conversion_causes(spec), *_unsupported_causes(spec)]
    for path, version in _distinct(spec, "schema", "validation"):
        causes += _schema_causes(version, f"{path}.openAPIV3Schema")
    for path, version in _distinct(spec, "additionalPrinterColumns", "additionalPrinterColumns"):
        causes += columns.causes(version, path)
    return causes if old is None else [*causes, *_change_causes(new, old)]


def _distinct(spec: Object, key: str, common: str) -> Iterator[tuple[str, Object]]:
    """Each version with the path at which a part of it is named: what all versions share is, for a real server, the kind's own."""
    versions = spec.get("versions") or []
    if versions and all(one.get(key) == versions[0].get(key) for one in versions):
        yield f"spec.{common}", versions[0]
        return
    yield from ((f"spec.versions[{index}].{key}", version) for index, version in enumerate(versions))


def _missing(spec: Object) -> Iterator[Cause]:
    yield from required(spec["names"], ("plural", "kind"), "spec.names")
    for index, version in enumerate(spec.get("versions") or []):
        version.setdefault("served", False)
        version.setdefault("storage", False)
        yield from required(version, ("name",), f"spec.versions[{index}]")
    for path, version in _distinct(spec, "additionalPrinterColumns", "additionalPrinterColumns"):
        for number, column in enumerate(version.get("additionalPrinterColumns") or []):
            yield from required(column, ("name", "type", "jsonPath"), f"{path}[{number}]")


def _name_causes(new: Object) -> Iterator[Cause]:
    spec, names = new["spec"], new["spec"]["names"]
    if spec.get("scope") not in ("Cluster", "Namespaced"):
        yield unsupported("spec.scope", spec.get("scope") or "", ["Cluster", "Namespaced"])
    group = spec.get("group") or ""
    if "." not in group:
        yield Cause("spec.group", f"Invalid value: {shown(group)}: should be a domain with at least one dot")
    wanted = f"{names.get('plural')}.{group}"
    if name_of(new) != wanted:
        yield Cause("metadata.name", f'Invalid value: "{name_of(new)}": must be spec.names.plural+"."+spec.group')
    approved = (new["metadata"].get("annotations") or {}).get(_APPROVED)
    if f".{group}".endswith(_PROTECTED) and not approved:
        why = f'protected groups must have approval annotation "{_APPROVED}", see https://github.com/kubernetes/enhancements/pull/1111'
        yield Cause(f"metadata.annotations[{_APPROVED}]", f"Required value: {why}", _REQUIRED)


def _version_causes(spec: Object) -> Iterator[Cause]:
    versions = spec.get("versions") or []
    names = [one["name"] for one in versions]
    if sum(one["storage"] for one in versions) != 1:
        why = "must have exactly one version marked as storage version"
        yield Cause("spec.versions", f"Invalid value: {shown(names)}: {why}")
    for index, version in enumerate(versions):
        if version["name"] in names[:index]:
            yield Cause("spec.versions", f"Invalid value: {shown(names)}: must contain unique version names")
        if not dig(version, "schema", "openAPIV3Schema"):
            yield Cause(
                f"spec.versions[{index}].schema.openAPIV3Schema", "Required value: schemas are required", _REQUIRED
            )


def _conversion_causes(spec: Object) -> Iterator[Cause]:
    strategy = spec["conversion"].get("strategy") or ""
    if strategy == "Webhook":
        yield _forbidden("spec.conversion.strategy", "conversion webhooks are not supported by the local cluster")
    elif strategy != "None":
        yield unsupported("spec.conversion.strategy", strategy, ["None", "Webhook"])
    if spec.get("preserveUnknownFields"):
        yield Cause("spec.preserveUnknownFields", "Invalid value: true: must be false")


def _unsupported_causes(spec: Object) -> Iterator[Cause]:
    statuses = {"status" in (one.get("subresources") or {}) for one in spec.get("versions") or []}
    if len(statuses) > 1:
        yield _forbidden(
            "spec.versions", "the local cluster does not support a status subresource of some versions only"
        )
    for index, version in enumerate(spec.get("versions") or []):
        if "scale" in (version.get("subresources") or {}):
            yield _forbidden(f"spec.versions[{index}].subresources.scale", _NOT_HERE)
        if version.get("selectableFields"):
            yield _forbidden(f"spec.versions[{index}].selectableFields", _NOT_HERE)


def _forbidden(path: str, why: str) -> Cause:
    return Cause(path, f"Forbidden: {why}", _FORBIDDEN)


def _schema_causes(version: Object, path: str) -> Iterator[Cause]:
    schema = dig(version, "schema", "openAPIV3Schema")
    if not schema:
        return
    if schema.get("type") not in (None, "object"):
        yield Cause(f"{path}.type", f"Invalid value: {shown(schema['type'])}: must be object at the root")
    yield from _structure_causes(schema, path, "at the root", correlated=True)


def _structure_causes(schema: Object, path: str, where: str, *, correlated: bool) -> Iterator[Cause]:
    yield from _type_causes(schema, path, where)
    for key in _ALWAYS_FORBIDDEN:
        if key in schema:
            yield _forbidden(f"{path}.{key}", f"{key} is not supported")
    if schema.get("uniqueItems"):
        why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield _forbidden(f"{path}.uniqueItems", why)
    if schema.get("properties") and schema.get("additionalProperties"):
        yield _forbidden(f"{path}.additionalProperties", "additionalProperties and properties are mutual exclusive")
    yield from _default_causes(schema, f"{path}.default")
    yield from schema_rules.rule_causes(schema, path, correlated=correlated)
    correlated = correlated and (schema.get("type") != "array" or schema.get("x-kubernetes-list-type") == "map")
    for inner, part, place in _inner(schema, path):
        yield from _structure_causes(part, inner, place, correlated=correlated)


def _type_causes(schema: Object, path: str, where: str) -> Iterator[Cause]:
    free = schema.get(structural.INT_OR_STRING) or schema.get(structural.PRESERVE)
    if not schema.get("type") and (where == "at the root" or not free):
        yield Cause(f"{path}.type", f"Required value: must not be empty {where}", _REQUIRED)
    elif schema.get("type") and schema["type"] not in _TYPES:
        yield unsupported(f"{path}.type", schema["type"], _TYPES)
    if schema.get("type") == "array" and not schema.get("items"):
        yield Cause(f"{path}.items", "Required value: must be specified", _REQUIRED)


def _default_causes(schema: Object, path: str) -> Iterator[Cause]:
    if schema.get("default") is None:
        return
    for cause in validation.causes(schema, schema["default"], ""):
        yield Cause(f"{path}{'.' if cause.field[:1].isalpha() else ''}{cause.field}", cause.message, cause.reason)


def _inner(schema: Object, path: str) -> Iterator[tuple[str, Object, str]]:
    for name, part in (schema.get("properties") or {}).items():
        yield f"{path}.properties[{name}]", part, "for specified object fields"
    if isinstance(schema.get("additionalProperties"), dict):
        yield f"{path}.additionalProperties", schema["additionalProperties"], "for specified object fields"
    if isinstance(schema.get("items"), dict):
        yield f"{path}.items", schema["items"], "for specified array items"


def _change_causes(new: Object, old: Object) -> Iterator[Cause]:
    fixed = [("spec", "group"), ("spec", "names", "plural")]
    fixed += [("spec", "scope"), ("spec", "names", "kind")] if is_true(old, "Established") else []
    for path in fixed:
        value = dig(new, *path)
        if value != dig(old, *path):
            yield Cause(".".join(path), f"Invalid value: {shown(value)}: field is immutable")
    names = [one["name"] for one in new["spec"].get("versions") or []]
    for index, stored in enumerate(_stored(old)):
        if stored not in names:
            yield Cause(f"status.storedVersions[{index}]", f"Invalid value: {shown(stored)}: missing from spec.versions; "
                        f"{stored} was previously a storage version, and must remain in spec.versions until a storage migration "
                        f"ensures no data remains persisted in {stored} and removes {stored} from status.storedVersions")  # fmt: skip


def _stored(definition: Object) -> Any:
    return dig(definition, "status", "storedVersions") or []
