"""What a ValidatingAdmissionPolicy and its binding must be, and their defaults. What this cluster would not do is refused by name."""

from collections.abc import Iterator

from localcloud.kubernetes.errors import Cause, required, unsupported
from localcloud.kubernetes.expressions import ExpressionError, check
from localcloud.kubernetes.objects import Object, dig
from localcloud.kubernetes.validation import shown

_SEEN = ("object", "oldObject", "request", "namespaceObject")
_NOT_HERE = "Forbidden: the local cluster does not support this field"
_REASONS = ("Unauthorized", "Forbidden", "Invalid", "RequestEntityTooLarge")


def admit_policy(new: Object, _: Object | None) -> list[Cause]:
    """Default and check a policy."""
    spec = new.setdefault("spec", {})
    spec.setdefault("failurePolicy", "Fail")
    causes = [*_unsupported(spec, ("paramKind", "auditAnnotations"))]
    if spec["failurePolicy"] not in ("Fail", "Ignore"):
        causes.append(unsupported("spec.failurePolicy", spec["failurePolicy"], ["Fail", "Ignore"]))
    if not dig(spec, "matchConstraints", "resourceRules"):
        causes.append(Cause("spec.matchConstraints.resourceRules", "Required value", "FieldValueRequired"))
    causes += _rule_causes(spec.get("matchConstraints") or {}, "spec.matchConstraints")
    if not spec.get("validations"):
        why = "Required value: validations or auditAnnotations must contain at least one item"
        causes.append(Cause("spec.validations", why, "FieldValueRequired"))
    return [*causes, *_expression_causes(spec), *_reason_causes(spec)]


def _unsupported(spec: Object, keys: tuple[str, ...]) -> Iterator[Cause]:
    yield from (Cause(f"spec.{key}", _NOT_HERE, "FieldValueForbidden") for key in keys if spec.get(key))


def _rule_causes(resources: Object, path: str) -> Iterator[Cause]:
    for key in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(resources.get(key) or []):
            yield from required(rule, ("apiGroups", "apiVersions", "operations", "resources"), f"{path}.{key}[{index}]")


def _expression_causes(spec: Object) -> Iterator[Cause]:
    known = {"matchConditions": _SEEN, "variables": (*_SEEN, "variables"), "validations": (*_SEEN, "variables")}
    for part, names in known.items():
        for index, one in enumerate(spec.get(part) or []):
            yield from required(
                one, ("expression",) if part == "validations" else ("name", "expression"), f"spec.{part}[{index}]"
            )
            for key in ("expression", "messageExpression"):
                yield from _unreadable(one.get(key), f"spec.{part}[{index}].{key}", names)


def _unreadable(text: str | None, path: str, names: tuple[str, ...]) -> Iterator[Cause]:
    try:
        check(text or "true", names)
    except ExpressionError as error:
        yield Cause(path, f"Invalid value: {shown(text)}: compilation failed: {error}")


def _reason_causes(spec: Object) -> Iterator[Cause]:
    for index, one in enumerate(spec.get("validations") or []):
        if one.get("reason") not in (None, *_REASONS):
            yield unsupported(f"spec.validations[{index}].reason", one["reason"], _REASONS)


def admit_policy_binding(new: Object, _: Object | None) -> list[Cause]:
    """Check a binding."""
    spec = new.setdefault("spec", {})
    causes = [*_unsupported(spec, ("paramRef",)), *required(spec, ("policyName", "validationActions"), "spec")]
    causes += _rule_causes(spec.get("matchResources") or {}, "spec.matchResources")
    wrong = [one for one in spec.get("validationActions") or [] if one not in ("Deny", "Warn", "Audit")]
    return causes + [unsupported("spec.validationActions", one, ["Audit", "Deny", "Warn"]) for one in wrong]
