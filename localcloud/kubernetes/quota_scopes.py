"""For which pods a ResourceQuota counts: its scopes, and its selector of scopes. One with scopes counts pods only."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from localcloud.kubernetes.errors import Cause
from localcloud.kubernetes.objects import Object, dig
from localcloud.kubernetes.resources import PODS, Resource
from localcloud.kubernetes.selectors import by_label_object

_PRIORITY = "PriorityClass"
_COMPUTE = ("cpu", "memory")


def _asks(pod: Object) -> bool:
    """Tell whether a container asks for processors or memory, or is limited in them; an amount of nothing does not count."""
    containers = [*(pod.get("containers") or []), *(pod.get("initContainers") or [])]
    lists = (dig(one, "resources", kind) or {} for one in containers for kind in ("requests", "limits"))
    return any(str(amounts.get(name, "0")) != "0" for amounts in lists for name in _COMPUTE)


_PLAIN: dict[str, Callable[[Object], bool]] = {
    "BestEffort": lambda pod: not _asks(pod),
    "NotBestEffort": _asks,
    "Terminating": lambda pod: pod.get("activeDeadlineSeconds") is not None,
    "NotTerminating": lambda pod: pod.get("activeDeadlineSeconds") is None,
}
_PAIRS = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_OF_PODS = ("pods", *_COMPUTE, *(f"{kind}.{name}" for kind in ("requests", "limits") for name in _COMPUTE))
_STANDARD = (*_OF_PODS, "configmaps", "ephemeral-storage", "limits.ephemeral-storage", "persistentvolumeclaims", "requests.ephemeral-storage",
             "requests.storage", "resourcequotas", "secrets")  # fmt: skip
_NOT_HERE = "Forbidden: the local cluster does not support the scope CrossNamespacePodAffinity"


def counts(quota: Object, resource: Resource, thing: Object) -> bool:
    """Tell whether a quota is about an object."""
    wanted = list(_expressions(quota["spec"]))
    return not wanted or (resource is PODS and all(_matches(one, thing["spec"]) for one in wanted))


def _expressions(spec: Object) -> Iterator[Object]:
    yield from ({"scopeName": scope, "operator": "Exists"} for scope in spec.get("scopes") or [])
    yield from dig(spec, "scopeSelector", "matchExpressions") or []


def _matches(expression: Object, pod: Object) -> bool:
    scope = expression["scopeName"]
    if scope in _PLAIN:
        return _PLAIN[scope](pod)
    selector = {"matchExpressions": [{**expression, "key": _PRIORITY}]}
    named = pod.get("priorityClassName")
    return by_label_object(selector)({"metadata": {"labels": {_PRIORITY: named} if named else {}}})


def admit_quota(new: Object, old: Object | None) -> list[Cause]:
    """Check the scopes of a ResourceQuota."""
    spec = new.get("spec") or {}
    before = (old or new).get("spec") or {}
    keys = ("scopes", "scopeSelector")
    causes = [
        _invalid(f"spec.{key}", spec.get(key), "field is immutable") for key in keys if spec.get(key) != before.get(key)
    ]
    scopes, path = spec.get("scopes") or [], "spec.scopes"
    causes += [cause for scope in scopes for cause in _scope_causes(scope, spec, path, scopes)]
    causes += _pair_causes(scopes, path, scopes)
    path = "spec.scopeSelector.matchExpressions"
    expressions = dig(spec, "scopeSelector", "matchExpressions") or []
    for one in expressions:
        causes += [*_scope_causes(one["scopeName"], spec, path, expressions), *_operator_causes(one, path)]
    return causes + _pair_causes(
        [one["scopeName"] for one in expressions if one["operator"] == "Exists"], path, expressions
    )


def _scope_causes(scope: str, spec: Object, path: str, found: Any) -> Iterator[Cause]:
    if scope == "CrossNamespacePodAffinity":
        yield Cause(path, _NOT_HERE, "FieldValueForbidden")
    elif scope not in (*_PLAIN, _PRIORITY):
        yield _invalid(path, found, "unsupported scope")
    else:
        allowed = ("pods",) if scope == "BestEffort" else _OF_PODS
        for name in sorted(spec.get("hard") or {}):
            if name in _STANDARD and name not in allowed:
                yield _invalid(path, found, "unsupported scope applied to resource")


def _operator_causes(one: Object, path: str) -> Iterator[Cause]:
    operator, values = one["operator"], one.get("values") or []
    if one["scopeName"] in _PLAIN and operator != "Exists":
        yield _invalid(f"{path}.operator", operator, f"must be 'Exists' for the scope {one['scopeName']}")
    elif operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        yield _invalid(f"{path}.operator", operator, "not a valid selector operator")
    elif bool(values) is not (operator in ("In", "NotIn")):
        yield _invalid(
            f"{path}.values", values, f"{'no value' if values else 'at least one value'} with the operator {operator}"
        )


def _pair_causes(scopes: Sequence[str], path: str, found: Any) -> list[Cause]:
    return [_invalid(path, found, "conflicting scopes") for pair in _PAIRS if set(pair) <= set(scopes)]


def _invalid(path: str, value: Any, why: str) -> Cause:
    return Cause(path, f"Invalid value: {value}: {why}")
