"""Versions, converted at the door: Kueue's v1beta1 and v1beta2 with renamed fields, those of a custom kind by name only.

v1beta2 is stored. A v1beta1 field without a counterpart here stays as it is and is then judged by the Kueue rules.
"""

import copy

from localcloud.kubernetes import topology
from localcloud.kubernetes.objects import Object, dig
from localcloud.kubernetes.resources import KUEUE, Resource

_OLD = "v1beta1"
_FUNGIBILITY = {"Borrow": "MayStopSearch", "Preempt": "MayStopSearch"}
_CLASS_SOURCE = "kueue.x-k8s.io/workloadpriorityclass"
_SPENT = ("accumulatedPastExexcutionTimeSeconds", "accumulatedPastExecutionTimeSeconds")


def to_stored(resource: Resource, version: str, thing: Object) -> Object:
    """Give the stored form of what a client sent in `version`."""
    if resource.definition is not None:
        return _renamed(thing, resource.api_version(version), resource.api_version())
    if resource.group != KUEUE or version != _OLD:
        return thing
    new = _copied(thing)
    new["apiVersion"] = resource.api_version() if thing.get("apiVersion") == f"{KUEUE}/{_OLD}" else thing["apiVersion"]
    spec, status = new.get("spec") or {}, new.get("status") or {}
    _rename(spec, "cohort", "cohortName")
    _rename(status, "flavorUsage", "flavorsUsage")
    _rename(status, *_SPENT)
    if resource.kind == "ClusterQueue":
        fungibility = spec.get("flavorFungibility") or {}
        fungibility.update({key: _FUNGIBILITY.get(word, word) for key, word in fungibility.items()})
    if resource.kind == "LocalQueue":
        status.pop("flavors", None)
    if resource.kind == "Workload":
        _class_to_stored(spec)
        _topology_to_stored(status)
    return new


def from_stored(resource: Resource, version: str, thing: Object) -> Object:
    """Give what a client reads in `version`."""
    if resource.definition is not None:
        return _renamed(thing, resource.api_version(), resource.api_version(version))
    if resource.group != KUEUE or version == resource.versions[0] or "metadata" not in thing:
        return thing
    old = _copied(thing)
    old["apiVersion"] = resource.api_version(version)
    spec, status = old.get("spec") or {}, old.get("status") or {}
    _rename(spec, "cohortName", "cohort")
    _rename(status, *reversed(_SPENT))
    if resource.kind == "ClusterQueue":
        _fungibility_from_stored(spec.get("flavorFungibility") or {})
    if resource.kind == "LocalQueue":
        _rename(status, "flavorsUsage", "flavorUsage")
    if resource.kind == "Workload":
        _topology_from_stored(status)
    if resource.kind == "Workload" and spec.get("priorityClassRef"):
        spec["priorityClassName"] = spec.pop("priorityClassRef")["name"]
        spec["priorityClassSource"] = _CLASS_SOURCE
    return old


def _renamed(thing: Object, before: str, after: str) -> Object:
    return {**thing, "apiVersion": after} if thing.get("apiVersion") == before else thing


def _topology_from_stored(status: Object) -> None:
    for found in _placed(status, "slices"):
        found["domains"] = [{"count": count, "values": list(values)} for values, count in topology.read_places(found)]
        del found["slices"]


def _topology_to_stored(status: Object) -> None:
    for found in _placed(status, "domains"):
        places = [(tuple(domain["values"]), domain["count"]) for domain in found.pop("domains")]
        found.update(topology.written(tuple(found["levels"]), places))


def _placed(status: Object, key: str) -> list[Object]:
    assignments = dig(status, "admission", "podSetAssignments") or []
    return [found for one in assignments if key in (found := one.get("topologyAssignment") or {})]


def _copied(thing: Object) -> Object:
    return {**thing, **{key: copy.deepcopy(thing[key]) for key in ("spec", "status") if key in thing}}


def _rename(part: Object, before: str, after: str) -> None:
    if before in part:
        part[after] = part.pop(before)


def _class_to_stored(spec: Object) -> None:
    name = spec.pop("priorityClassName", None)
    source = spec.pop("priorityClassSource", _CLASS_SOURCE)
    if name and source == _CLASS_SOURCE:
        spec["priorityClassRef"] = {"group": KUEUE, "kind": "WorkloadPriorityClass", "name": name}


def _fungibility_from_stored(fungibility: Object) -> None:
    for key, word in (("whenCanBorrow", "Borrow"), ("whenCanPreempt", "Preempt")):
        if fungibility.get(key) == "MayStopSearch":
            fungibility[key] = word
