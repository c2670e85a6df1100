"""Which Kueue fields this cluster understands, in v1beta2 terms.

A field Kueue has and this cluster does not is refused by name: accepting it would promise behaviour that never comes.
"""

from collections.abc import Iterator
from typing import Any

from localcloud.kubernetes.errors import Cause
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.quantities import parse
from localcloud.kubernetes.schema import strict_error

IN_USE = "kueue.x-k8s.io/resource-in-use"
_ANY = None
_QUOTA = {"name": _ANY, "nominalQuota": _ANY, "borrowingLimit": _ANY, "lendingLimit": _ANY}
_FLAVOR_QUOTAS = {"name": _ANY, "resources": [_QUOTA]}
_SPECS: dict[str, Any] = {
    "ClusterQueue": {
        "cohortName": _ANY,
        "resourceGroups": [{"coveredResources": _ANY, "flavors": [_FLAVOR_QUOTAS]}],
        "namespaceSelector": _ANY,
        "queueingStrategy": _ANY,
        "stopPolicy": _ANY,
        "preemption": {"withinClusterQueue": _ANY, "reclaimWithinCohort": _ANY, "borrowWithinCohort": {"policy": _ANY}},
        "flavorFungibility": {"whenCanBorrow": _ANY, "whenCanPreempt": _ANY},
    },
    "LocalQueue": {"clusterQueue": _ANY, "stopPolicy": _ANY},
    "ResourceFlavor": {"nodeLabels": _ANY},
    "Workload": {
        "active": _ANY, "queueName": _ANY, "podSets": _ANY, "priority": _ANY, "priorityClassRef": _ANY,
    },
    "Cohort": {},
    "WorkloadPriorityClass": {},
}  # fmt: skip
_UNSUPPORTED = {
    "admissionChecksStrategy", "fairSharing", "admissionScope",
    "preference", "maxPriorityThreshold", "topologyName", "maximumExecutionTimeSeconds", "parentName",
    "resourceGroups", "concurrentAdmissionPolicy", "nodeTaints", "tolerations",
}  # fmt: skip
_ONLY = {
    ("preemption", "withinClusterQueue"): ("Never", "LowerPriority"),
    ("preemption", "reclaimWithinCohort"): ("Never", "LowerPriority", "Any"),
    ("flavorFungibility", "whenCanBorrow"): ("MayStopSearch",),
    ("flavorFungibility", "whenCanPreempt"): ("TryNextFlavor",),
}
_ENUMS = {"queueingStrategy": ("BestEffortFIFO", "StrictFIFO"), "stopPolicy": ("None", "Hold", "HoldAndDrain")}
_QUEUE_DEFAULTS: Object = {"queueingStrategy": "BestEffortFIFO", "stopPolicy": "None"}
_TOP = ("apiVersion", "kind", "metadata", "spec", "status")


def check(thing: Object, version: str, *, strict: bool) -> Object:
    """Give a Kueue object without unknown fields; unsupported fields stay, for `admit` to refuse."""
    allowed = (*_TOP, "value", "description") if thing["kind"] == "WorkloadPriorityClass" else _TOP
    unknown = [key for key in thing if key not in allowed]
    kept = {key: value for key, value in thing.items() if key in allowed}
    if "spec" in kept:
        kept["spec"] = _prune(kept["spec"], _SPECS[thing["kind"]], "spec", unknown)
    if strict and unknown:
        raise strict_error(thing["kind"], version, unknown)
    return kept


def _prune(value: Any, shape: Any, path: str, unknown: list[str]) -> Any:
    if isinstance(shape, list) and isinstance(value, list):
        return [_prune(item, shape[0], f"{path}[{i}]", unknown) for i, item in enumerate(value)]
    if not isinstance(shape, dict) or not isinstance(value, dict):
        return value
    unknown.extend(f"{path}.{key}" for key in value if key not in shape and key not in _UNSUPPORTED)
    known = {key: part for key, part in value.items() if key in shape or key in _UNSUPPORTED}
    return {key: _prune(part, shape.get(key), f"{path}.{key}", unknown) for key, part in known.items()}


def admit(new: Object, old: Object | None) -> list[Cause]:
    """Default and check a Kueue object."""
    kind, spec = new["kind"], new.get("spec") or {}
    if kind in ("ClusterQueue", "ResourceFlavor", "Workload") and old is None:
        finalizers = new["metadata"].setdefault("finalizers", [])
        new["metadata"]["finalizers"] = finalizers if IN_USE in finalizers else [*finalizers, IN_USE]
    causes = [] if kind == "Workload" else list(_refusals(spec, _SPECS[kind], "spec"))
    if kind == "ClusterQueue" and not causes:
        causes = _admit_cluster_queue(new)
    if kind == "LocalQueue":
        new.setdefault("spec", {}).setdefault("stopPolicy", "None")
    return causes


def _refusals(value: Any, shape: Any, path: str) -> Iterator[Cause]:
    if isinstance(shape, list) and isinstance(value, list):
        for i, item in enumerate(value):
            yield from _refusals(item, shape[0], f"{path}[{i}]")
    elif isinstance(shape, dict) and isinstance(value, dict):
        for key, part in value.items():
            yield from _refusal(key, part, shape, f"{path}.{key}")


def _refusal(key: str, part: Any, shape: Object, path: str) -> Iterator[Cause]:
    if key not in shape:
        yield Cause(path, "Forbidden: the local cluster does not support this field", "FieldValueForbidden")
    else:
        yield from _refusals(part, shape[key], path)


def _admit_cluster_queue(queue: Object) -> list[Cause]:
    spec = queue.setdefault("spec", {})
    for key, value in _QUEUE_DEFAULTS.items():
        spec.setdefault(key, value)
    preemption = {
        "borrowWithinCohort": {"policy": "Never"},
        "reclaimWithinCohort": "Never",
        "withinClusterQueue": "Never",
    }
    spec["preemption"] = {**preemption, **(spec.get("preemption") or {})}
    fungibility = {"whenCanBorrow": "MayStopSearch", "whenCanPreempt": "TryNextFlavor"}
    spec["flavorFungibility"] = {**fungibility, **(spec.get("flavorFungibility") or {})}
    return [*_value_causes(spec), *_quota_causes(spec)]


def _value_causes(spec: Object) -> Iterator[Cause]:
    for key, enum in _ENUMS.items():
        if spec[key] not in enum:
            yield Cause(f"spec.{key}", f'Unsupported value: "{spec[key]}"', "FieldValueNotSupported")
    for (group, key), values in _ONLY.items():
        if spec[group].get(key, values[0]) not in values:
            message = f'Unsupported value: "{spec[group][key]}": the local cluster supports {", ".join(values)}'
            yield Cause(f"spec.{group}.{key}", message, "FieldValueNotSupported")
    if (spec["preemption"].get("borrowWithinCohort") or {}).get("policy", "Never") != "Never":
        message = "Unsupported value: the local cluster supports Never"
        yield Cause("spec.preemption.borrowWithinCohort.policy", message, "FieldValueNotSupported")


def _quota_causes(spec: Object) -> Iterator[Cause]:
    for g, group in enumerate(spec.get("resourceGroups") or []):
        for f, flavor in enumerate(group["flavors"]):
            path = f"spec.resourceGroups[{g}].flavors[{f}].resources"
            names = [quota["name"] for quota in flavor["resources"]]
            if "pods" in names:
                yield Cause(
                    path, "Forbidden: the local cluster does not support a quota of pods", "FieldValueForbidden"
                )
            if names != group["coveredResources"]:
                yield Cause(path, f"Invalid value: {names}: must match coveredResources {group['coveredResources']}")
            yield from _amount_causes(spec, flavor["resources"], path)


def _amount_causes(spec: Object, quotas: list[Object], path: str) -> Iterator[Cause]:
    for q, quota in enumerate(quotas):
        limits = [key for key in ("borrowingLimit", "lendingLimit") if quota.get(key) is not None]
        for key in ("nominalQuota", *limits):
            try:
                parse(quota.get(key))
            except ValueError as error:
                yield Cause(f"{path}[{q}].{key}", f"Invalid value: {error}")
        if limits and not spec.get("cohortName"):
            yield Cause(f"{path}[{q}].{limits[0]}", f"Invalid value: {limits[0]} must be nil when cohort is empty")
