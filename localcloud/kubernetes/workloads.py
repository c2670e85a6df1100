"""Workloads: made from Jobs, and moved from condition to condition in Kueue's own words.

Every function here gives a new status and writes nothing; the controller decides when.
"""

import copy
import hashlib
from collections.abc import Mapping, Sequence

from localcloud.kubernetes import topology
from localcloud.kubernetes.job_pods import INDEX
from localcloud.kubernetes.job_rules import QUEUE_LABEL
from localcloud.kubernetes.objects import (
    Object,
    condition,
    dig,
    labels_of,
    name_of,
    owner_reference,
    seconds_since,
    set_condition,
    uid_of,
)
from localcloud.kubernetes.quantities import Amounts, requests, write

UID_LABEL = "kueue.x-k8s.io/job-uid"
PRIORITY_LABEL = "kueue.x-k8s.io/priority-class"
PODSET_LABEL = "kueue.x-k8s.io/podset"
WORKLOAD_ANNOTATION = "kueue.x-k8s.io/workload"
TAS_LABEL = "kueue.x-k8s.io/tas"
GATE = {"name": "kueue.x-k8s.io/topology"}
_MARKS = (PODSET_LABEL, TAS_LABEL, WORKLOAD_ANNOTATION)
_OWN_LABELS = ("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name")
_SPENT = "accumulatedPastExecutionTimeSeconds"
_NO_RESERVATION = "The workload has no reservation"


def workload_name(job: Object, group: str) -> str:
    """Give the Workload's name: at most 253 characters, ending in five digits of a hash over kind, group, name, uid."""
    text = "\n".join([job["kind"], group, name_of(job), uid_of(job)])
    digits = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:5]
    return f"{job['kind'].lower()}-{name_of(job)}"[: 253 - 6] + f"-{digits}"


def new_workload(job: Object, priorities: Mapping[str, int]) -> Object:
    """Give the Workload of a Job."""
    metadata = {
        "name": workload_name(job, "batch"),
        "labels": {UID_LABEL: uid_of(job)},
        "ownerReferences": [owner_reference(job)],
    }
    return {"metadata": metadata, "spec": {"active": True, **wanted_spec(job, priorities)}}


def wanted_spec(job: Object, priorities: Mapping[str, int]) -> Object:
    """Give the part of a Workload's spec that follows from its Job; `priorities` are the classes' values."""
    name = labels_of(job).get(PRIORITY_LABEL)
    spec: Object = {
        "queueName": labels_of(job)[QUEUE_LABEL],
        "podSets": [_pod_set(job)],
        "priority": priorities.get(name or "", 0),
    }
    if name:
        spec["priorityClassRef"] = {"group": "kueue.x-k8s.io", "kind": "WorkloadPriorityClass", "name": name}
    return spec


def _pod_set(job: Object) -> Object:
    spec = job["spec"]
    template = copy.deepcopy(spec["template"])
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key not in _OWN_LABELS}
    template["metadata"] = {
        **{k: v for k, v in metadata.items() if k != "labels"},
        **({"labels": labels} if labels else {}),
    }
    for container in template["spec"]["containers"]:
        limits = container["resources"].get("limits")
        if limits:
            container["resources"]["requests"] = {**limits, **(container["resources"].get("requests") or {})}
    count = min(spec["parallelism"], spec.get("completions", spec["parallelism"]))
    wish = topology.requested(template["metadata"].get("annotations") or {})
    request = {"topologyRequest": {**wish, "podIndexLabel": INDEX}} if wish else {}
    return {"name": "main", "count": count, "template": template, **request}


def admission_queue(workload: Object) -> str:
    """Give the ClusterQueue that admitted a Workload, or an empty string."""
    return str(dig(workload, "status", "admission", "clusterQueue") or "")


def pod_set_needs(pod_set: Object) -> Amounts:
    """Give what all pods of a pod set ask for together."""
    return {name: amount * pod_set["count"] for name, amount in requests(pod_set["template"]["spec"]).items()}


def pending(workload: Object, reason: str, message: str) -> Object:
    """Give the status of a Workload that must wait, with what it asks for."""
    status = _status(workload)
    status["resourceRequests"] = [
        {"name": pod_set["name"], "resources": _written(pod_set_needs(pod_set))}
        for pod_set in workload["spec"]["podSets"]
    ]
    _set(workload, status, "QuotaReserved", "False", reason, message)
    return status


def admitted(
    workload: Object, queue: str, flavors: Sequence[Mapping[str, str]], places: Sequence[Object | None]
) -> Object:
    """Give the status of a Workload that got quota: for every pod set its flavors by resource, and its topologyAssignment."""
    status = _status(workload)
    status.pop("resourceRequests", None)
    pieces = zip(workload["spec"]["podSets"], flavors, places, strict=True)
    assignments = [_assignment(pod_set, chosen, place) for pod_set, chosen, place in pieces]
    status["admission"] = {"clusterQueue": queue, "podSetAssignments": assignments}
    _set(workload, status, "QuotaReserved", "True", "QuotaReserved", f"Quota reserved in ClusterQueue {queue}")
    for kind in ("Evicted", "Preempted"):
        found = condition(workload, kind)
        if found is not None and found["status"] == "True":
            _set(workload, status, kind, "False", "QuotaReserved", f"Previously: {found['message']}")
    _set(workload, status, "Admitted", "True", "Admitted", "The workload is admitted")
    return status


def _assignment(pod_set: Object, flavors: Mapping[str, str], place: Object | None) -> Object:
    needs = pod_set_needs(pod_set)
    return {
        "name": pod_set["name"],
        "count": pod_set["count"],
        "flavors": {name: flavors[name] for name in sorted(flavors)},
        "resourceUsage": _written({name: needs[name] for name in flavors}),
        **({"topologyAssignment": place} if place else {}),
    }


def _written(amounts: Amounts) -> dict[str, str]:
    return {name: write(amounts[name]) for name in sorted(amounts)}


def evicted(workload: Object, reason: str, message: str) -> Object:
    """Give the status of a Workload that must stop; it keeps its quota until its pods are gone."""
    status = _status(workload)
    _set(workload, status, "Evicted", "True", reason, message)
    evictions = status.setdefault("schedulingStats", {}).setdefault("evictions", [])
    found = next((entry for entry in evictions if entry["reason"] == reason), None)
    if found is None:
        evictions.append({"reason": reason, "underlyingCause": "", "count": 1})
    else:
        found["count"] += 1
    return status


def preempted(workload: Object, reason: str, message: str) -> Object:
    """Give the status of a Workload that must make room; `reason` says to whom."""
    status = evicted(workload, "Preempted", message)
    fresh = {"type": "Preempted", "status": "True", "reason": reason, "message": message}
    set_condition(status["conditions"], fresh)
    return status


def requeued(workload: Object) -> Object:
    """Give the status of an evicted Workload once its pods are gone: the quota is free again."""
    status = _status(workload)
    status.pop("admission")
    ran = condition(workload, "Admitted")
    if ran is not None and ran["status"] == "True":
        status[_SPENT] = status.get(_SPENT, 0) + int(seconds_since(ran["lastTransitionTime"]))
    why = condition(workload, "Evicted") or {}
    again = "True" if why["reason"] == "Preempted" else "False"
    _set(workload, status, "QuotaReserved", "False", "Pending", why["message"])
    _set(workload, status, "Admitted", "False", "NoReservation", _NO_RESERVATION)
    _set(workload, status, "Requeued", again, why["reason"], why["message"])
    return status


_OBSTACLES_GONE = {  # by the reason for which a Workload was evicted and does not wait again
    "Deactivated": ("Reactivated", "The workload was reactivated"),
    "ClusterQueueStopped": ("ClusterQueueRestarted", "The ClusterQueue was restarted after being stopped"),
    "LocalQueueStopped": ("LocalQueueRestarted", "The LocalQueue was restarted after being stopped"),
}


def kept_out_by(workload: Object) -> str:
    """Give the reason for which an evicted Workload does not wait again, or an empty string."""
    found = condition(workload, "Requeued") or {}
    reason = str(found.get("reason", ""))
    return reason if found.get("status") == "False" and reason in _OBSTACLES_GONE else ""


def back_again(workload: Object, reason: str) -> Object:
    """Give the status of a Workload that waits again; `reason` is what has kept it out."""
    status = _status(workload)
    _set(workload, status, "Requeued", "True", *_OBSTACLES_GONE[reason])
    return status


def finished(workload: Object, reason: str, message: str) -> Object:
    """Give the status of a Workload whose job is over; admission and Admitted stay, as in real Kueue."""
    status = _status(workload)
    _set(workload, status, "Finished", "True", reason, message)
    return status


def _status(workload: Object) -> Object:
    status: Object = copy.deepcopy(workload.get("status") or {})
    status.setdefault("conditions", [])
    return status


def _set(workload: Object, status: Object, kind: str, value: str, reason: str, message: str) -> None:
    generation = dig(workload, "metadata", "generation")
    fresh = {"type": kind, "status": value, "reason": reason, "message": message, "observedGeneration": generation}
    set_condition(status["conditions"], fresh)


def started(job: Object, workload: Object, node_labels: Mapping[str, str]) -> Object:
    """Give the Job unsuspended, bound to the flavors' nodes and marked with its Workload."""
    template = job["spec"]["template"]
    metadata, spec = template.setdefault("metadata", {}), template["spec"]
    if node_labels:
        spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), **node_labels}
    metadata["labels"] = {**(metadata.get("labels") or {}), PODSET_LABEL: "main"}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), WORKLOAD_ANNOTATION: name_of(workload)}
    if "topologyAssignment" in workload["status"]["admission"]["podSetAssignments"][0]:
        metadata["labels"][TAS_LABEL] = "true"
        spec["schedulingGates"] = [*(spec.get("schedulingGates") or []), GATE]
    job["spec"]["suspend"] = False
    return job


def restored(job: Object, workload: Object) -> Object:
    """Give the Job with the template it had before it was started."""
    template, before = job["spec"]["template"], workload["spec"]["podSets"][0]["template"]
    template["spec"].pop("nodeSelector", None)
    if before["spec"].get("nodeSelector"):
        template["spec"]["nodeSelector"] = before["spec"]["nodeSelector"]
    template["spec"].pop("schedulingGates", None)
    if before["spec"].get("schedulingGates"):
        template["spec"]["schedulingGates"] = before["spec"]["schedulingGates"]
    for key in ("labels", "annotations"):
        left = {name: value for name, value in (template["metadata"].get(key) or {}).items() if name not in _MARKS}
        template["metadata"].pop(key, None)
        template["metadata"].update({key: left} if left else {})
    return job
