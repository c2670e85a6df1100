"""Which Kueue fields this cluster understands, in v1beta2 terms.

A field Kueue has and this cluster does not is refused by name: accepting it would promise behaviour that never comes.
"""

from collections.abc import Callable, Iterator
from typing import Any

from localcloud.kubernetes.errors import Cause
from localcloud.kubernetes.objects import Object, dig
from localcloud.kubernetes.quantities import parse, requests
from localcloud.kubernetes.topology import HOSTNAME

IN_USE = "kueue.x-k8s.io/resource-in-use"
_ANY = None
_QUOTA = {"name": _ANY, "nominalQuota": _ANY, "borrowingLimit": _ANY, "lendingLimit": _ANY}
_FLAVOR_QUOTAS = {"name": _ANY, "resources": [_QUOTA]}
_GROUPS = [{"coveredResources": _ANY, "flavors": [_FLAVOR_QUOTAS]}]
_SHARE = {"weight": _ANY}
_WISH = dict.fromkeys(("required", "preferred", "unconstrained", "podIndexLabel"), _ANY)
_SPECS: dict[str, Any] = {
    "ClusterQueue": {
        "cohortName": _ANY,
        "resourceGroups": _GROUPS,
        "namespaceSelector": _ANY,
        "queueingStrategy": _ANY,
        "stopPolicy": _ANY,
        "preemption": {
            "withinClusterQueue": _ANY,
            "reclaimWithinCohort": _ANY,
            "borrowWithinCohort": {"policy": _ANY, "maxPriorityThreshold": _ANY},
        },
        "flavorFungibility": {"whenCanBorrow": _ANY, "whenCanPreempt": _ANY},
        "fairSharing": _SHARE,
    },
    "LocalQueue": {"clusterQueue": _ANY, "stopPolicy": _ANY, "fairSharing": _SHARE},
    "ResourceFlavor": {"nodeLabels": _ANY, "topologyName": _ANY},
    "Workload": {
        "active": _ANY, "queueName": _ANY, "priority": _ANY, "priorityClassRef": _ANY,
        "podSets": [{"name": _ANY, "count": _ANY, "template": _ANY, "topologyRequest": _WISH}],
    },
    "Cohort": {"parentName": _ANY, "resourceGroups": _GROUPS, "fairSharing": _SHARE},
    "Topology": {"levels": [{"nodeLabel": _ANY}]},
    "WorkloadPriorityClass": {},
}  # fmt: skip
_UNSUPPORTED = {
    "admissionChecksStrategy", "admissionScope", "preference", "maximumExecutionTimeSeconds",
    "concurrentAdmissionPolicy", "nodeTaints", "tolerations", "minCount", "preemptionGates",
    "podSetGroupName", "podSetSliceRequiredTopology", "podSetSliceSize", "podsetSliceRequiredTopologyConstraints",
    "subGroupCount", "subGroupIndexLabel",
}  # fmt: skip
_STOP = ("None", "Hold", "HoldAndDrain")
_SEARCH = ("MayStopSearch", "TryNextFlavor")
_ENUMS = {
    ("queueingStrategy",): ("BestEffortFIFO", "StrictFIFO"),
    ("stopPolicy",): _STOP,
    ("preemption", "withinClusterQueue"): ("Never", "LowerPriority", "LowerOrNewerEqualPriority"),
    ("preemption", "reclaimWithinCohort"): ("Never", "LowerPriority", "Any"),
    ("preemption", "borrowWithinCohort", "policy"): ("Never", "LowerPriority"),
    ("flavorFungibility", "whenCanBorrow"): _SEARCH,
    ("flavorFungibility", "whenCanPreempt"): _SEARCH,
}
_QUEUE_DEFAULTS: Object = {"queueingStrategy": "BestEffortFIFO", "stopPolicy": "None"}
_TOP = ("apiVersion", "kind", "metadata", "spec", "status")


def check(thing: Object, _: str, unknown: list[str]) -> Object:
    """Give a Kueue object without unknown fields; unsupported fields stay, for `admit` to refuse."""
    allowed = (*_TOP, "value", "description") if thing["kind"] == "WorkloadPriorityClass" else _TOP
    unknown += [key for key in thing if key not in allowed]
    kept = {key: value for key, value in thing.items() if key in allowed}
    if "spec" in kept:
        kept["spec"] = _prune(kept["spec"], _SPECS[thing["kind"]], "spec", unknown)
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
    causes = list(_refusals(spec, _SPECS[kind], "spec"))
    rule = _RULES.get(kind)
    return causes if causes or rule is None else list(rule(new, old))


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


def _admit_cluster_queue(queue: Object, _: Object | None) -> Iterator[Cause]:
    spec = queue.setdefault("spec", {})
    for key, value in _QUEUE_DEFAULTS.items():
        spec.setdefault(key, value)
    preemption = {"reclaimWithinCohort": "Never", "withinClusterQueue": "Never", **(spec.get("preemption") or {})}
    spec["preemption"] = {
        **preemption,
        "borrowWithinCohort": {"policy": "Never", **(preemption.get("borrowWithinCohort") or {})},
    }
    fungibility = {"whenCanBorrow": "MayStopSearch", "whenCanPreempt": "TryNextFlavor"}
    spec["flavorFungibility"] = {**fungibility, **(spec.get("flavorFungibility") or {})}
    yield from _value_causes(spec)
    yield from _quota_causes(spec, "" if spec.get("cohortName") else "cohort")
    yield from _share_causes(spec)


def _value_causes(spec: Object) -> Iterator[Cause]:
    for path, values in _ENUMS.items():
        if (found := dig(spec, *path)) not in values:
            listed = ", ".join(f'"{value}"' for value in values)
            message = f'Unsupported value: "{found}": supported values: {listed}'
            yield Cause(".".join(["spec", *path]), message, "FieldValueNotSupported")
    preemption = spec["preemption"]
    if preemption["reclaimWithinCohort"] == "Never" and preemption["borrowWithinCohort"]["policy"] != "Never":
        yield Cause("spec.preemption", "Invalid value: reclaimWithinCohort=Never and borrowWithinCohort.Policy!=Never")


def _admit_cohort(cohort: Object, _: Object | None) -> Iterator[Cause]:
    spec = cohort.setdefault("spec", {})
    yield from _quota_causes(spec, "" if spec.get("parentName") else "parent")
    yield from _share_causes(spec)


def _admit_local_queue(queue: Object, old: Object | None) -> Iterator[Cause]:
    spec = queue.setdefault("spec", {})
    spec.setdefault("stopPolicy", "None")
    if spec["stopPolicy"] not in _STOP:
        yield Cause("spec.stopPolicy", f'Unsupported value: "{spec["stopPolicy"]}"', "FieldValueNotSupported")
    if old is not None and dig(old, "spec", "clusterQueue") != spec.get("clusterQueue"):
        yield Cause("spec.clusterQueue", "Invalid value: field is immutable")
    yield from _share_causes(spec)


def _admit_workload(workload: Object, _: Object | None) -> Iterator[Cause]:
    for n, pod_set in enumerate(dig(workload, "spec", "podSets") or []):
        pod_set.setdefault("name", "main")
        pod_set.setdefault("count", 1)
        if not dig(pod_set, "template", "spec", "containers"):
            yield Cause(f"spec.podSets[{n}].template.spec.containers", "Required value", "FieldValueRequired")
        try:
            requests(dig(pod_set, "template", "spec") or {})
        except ValueError as error:
            yield Cause(f"spec.podSets[{n}].template.spec.containers", f"Invalid value: {error}")


def _admit_flavor(flavor: Object, old: Object | None) -> Iterator[Cause]:
    spec, before = flavor.get("spec") or {}, (old or {}).get("spec") or {}
    if spec.get("topologyName") and not spec.get("nodeLabels"):
        yield Cause("spec", "Invalid value: at least one nodeLabel is required when topology is set")
    for key in ("topologyName", "nodeLabels"):
        if before.get("topologyName") and spec.get(key) != before.get(key):
            yield Cause("spec", f"Invalid value: {key} is immutable when topologyName is set")


def _admit_topology(topology: Object, old: Object | None) -> Iterator[Cause]:
    levels = [dig(level, "nodeLabel") for level in dig(topology, "spec", "levels") or []]
    if not levels or not all(levels):
        yield Cause("spec.levels", "Required value", "FieldValueRequired")
    if len(set(levels)) < len(levels):
        yield Cause("spec.levels", "Invalid value: must be unique")
    if HOSTNAME in levels[:-1]:
        message = "the kubernetes.io/hostname label can only be used at the lowest level of topology"
        yield Cause("spec.levels", f"Invalid value: {message}")
    if old is not None and dig(old, "spec", "levels") != dig(topology, "spec", "levels"):
        yield Cause("spec.levels", "Invalid value: field is immutable")


def _share_causes(spec: Object) -> Iterator[Cause]:
    """Check a weight; while fair sharing is off, as by default, it is kept and counts for nothing."""
    share = spec.get("fairSharing")
    if share is not None:
        share.setdefault("weight", "1")
        yield from _quantity_causes(share, "weight", "spec.fairSharing.weight")


def _quota_causes(spec: Object, alone: str) -> Iterator[Cause]:
    """Check every quota; `alone` names what is missing where limits would make no sense."""
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
            for q, quota in enumerate(flavor["resources"]):
                yield from _amount_causes(quota, f"{path}[{q}]", alone)


def _amount_causes(quota: Object, path: str, alone: str) -> Iterator[Cause]:
    limits = [key for key in ("borrowingLimit", "lendingLimit") if quota.get(key) is not None]
    for key in ("nominalQuota", *limits):
        yield from _quantity_causes(quota, key, f"{path}.{key}")
    if limits and alone:
        yield Cause(f"{path}.{limits[0]}", f"Invalid value: {limits[0]} must be nil when {alone} is empty")


def _quantity_causes(part: Object, key: str, path: str) -> Iterator[Cause]:
    try:
        amount = parse(part.get(key))
    except ValueError as error:
        yield Cause(path, f"Invalid value: {error}")
    else:
        if amount < 0:
            yield Cause(path, f"Invalid value: {part[key]}: must be greater than or equal to 0")


_RULES: dict[str, Callable[[Object, Object | None], Iterator[Cause]]] = {
    "ClusterQueue": _admit_cluster_queue,
    "LocalQueue": _admit_local_queue,
    "Cohort": _admit_cohort,
    "Workload": _admit_workload,
    "ResourceFlavor": _admit_flavor,
    "Topology": _admit_topology,
}
