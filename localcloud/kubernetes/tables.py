"""Lists as people see them: the columns that a server gives to `kubectl get`.

A kind without columns of its own shows name and age, as a real server does for one it has no printer for.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from localcloud.kubernetes import columns
from localcloud.kubernetes.objects import Object, age, condition, dig, is_true, name_of, seconds_since, short
from localcloud.kubernetes.resources import Resource

Cell = Callable[[Object], Any]
_ACCEPTED = "as=Table"


def is_wanted(accept: str) -> bool:
    """Tell whether a client asks for a table before anything else."""
    return _ACCEPTED in accept.partition(",")[0].replace(" ", "")


def table(resource: Resource, version: str, things: list[Object], metadata: Object, included: str) -> Object:
    """Give a Table of objects; `included` is the request's includeObject: None, Metadata (the default) or Object."""
    shown = _columns(resource, version)
    rows = [{"cells": [cell(thing) for _, cell in shown], **_object(thing, included)} for thing in things]
    head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    return {**head, "columnDefinitions": [definition for definition, _ in shown], "rows": rows}


def _columns(resource: Resource, version: str) -> list[tuple[Object, Cell]]:
    if resource.definition is None:
        built_in = _COLUMNS.get(resource.kind, {"Name": name_of, "Age": _age})
        return [(_definition(name), cell) for name, cell in built_in.items()]
    named: tuple[Object, Cell] = (_definition("Name"), name_of)
    return [named, *((columns.definition(one), partial(columns.cell, one)) for one in columns.of(resource, version))]


def _definition(name: str) -> Object:
    shape = "name" if name == "Name" else ""
    return {"name": name, "type": "string", "format": shape, "description": name, "priority": 0}


def _object(thing: Object, included: str) -> Object:
    if included == "None":
        return {}
    if included == "Object":
        return {"object": thing}
    return {"object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": thing["metadata"]}}


def _age(thing: Object) -> str:
    return age(thing["metadata"]["creationTimestamp"])


def _status_of_job(job: Object) -> str:
    ends = (("Complete", "Complete"), ("Failed", "Failed"), ("SuccessCriteriaMet", "SuccessCriteriaMet"))
    for kind, word in (*ends, ("FailureTarget", "FailureTarget"), ("Suspended", "Suspended")):
        if is_true(job, kind):
            return word
    return "Running"


def _duration(job: Object) -> str:
    started = dig(job, "status", "startTime")
    if not started:
        return ""
    ended = dig(job, "status", "completionTime")
    return short(seconds_since(started) - (seconds_since(ended) if ended else 0))


def _ready(pod: Object) -> str:
    statuses = dig(pod, "status", "containerStatuses") or []
    return f"{sum(one['ready'] for one in statuses)}/{len(pod['spec']['containers'])}"


def _status_of_pod(pod: Object) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    for status in dig(pod, "status", "containerStatuses") or []:
        for state in ("waiting", "terminated"):
            reason = dig(status, "state", state, "reason")
            if reason:
                return str(reason)
    return str(dig(pod, "status", "phase") or "Pending")


def _restarts(pod: Object) -> int:
    return sum(one["restartCount"] for one in dig(pod, "status", "containerStatuses") or [])


def _admitted(workload: Object) -> str:
    found = condition(workload, "Admitted")
    return found["status"] if found else ""


_COLUMNS: Mapping[str, Mapping[str, Cell]] = {
    "Namespace": {"Name": name_of, "Status": lambda n: dig(n, "status", "phase"), "Age": _age},
    "Node": {
        "Name": name_of,
        "Status": lambda n: "Ready" if is_true(n, "Ready") else "NotReady",
        "Roles": lambda n: "<none>",
        "Age": _age,
        "Version": lambda n: dig(n, "status", "nodeInfo", "kubeletVersion") or "",
    },
    "Pod": {"Name": name_of, "Ready": _ready, "Status": _status_of_pod, "Restarts": _restarts, "Age": _age},
    "Job": {
        "Name": name_of,
        "Status": _status_of_job,
        "Completions": lambda j: f"{dig(j, 'status', 'succeeded') or 0}/{j['spec'].get('completions', 1)}",
        "Duration": _duration,
        "Age": _age,
    },
    "ConfigMap": {"Name": name_of, "Data": lambda c: len(c.get("data") or {}), "Age": _age},
    "Secret": {
        "Name": name_of,
        "Type": lambda s: s.get("type", "Opaque"),
        "Data": lambda s: len(s.get("data") or {}),
        "Age": _age,
    },
    "Event": {
        "Last Seen": lambda e: age(e["lastTimestamp"]) if e.get("lastTimestamp") else "<unknown>",
        "Type": lambda e: e.get("type", ""),
        "Reason": lambda e: e.get("reason", ""),
        "Object": lambda e: f"{e['involvedObject'].get('kind', '').lower()}/{e['involvedObject'].get('name', '')}",
        "Message": lambda e: e.get("message", ""),
    },
    "ClusterQueue": {
        "Name": name_of,
        "Cohort": lambda q: q["spec"].get("cohortName", ""),
        "Pending Workloads": lambda q: dig(q, "status", "pendingWorkloads") or 0,
    },
    "LocalQueue": {
        "Name": name_of,
        "ClusterQueue": lambda q: q["spec"].get("clusterQueue", ""),
        "Pending Workloads": lambda q: dig(q, "status", "pendingWorkloads") or 0,
        "Admitted Workloads": lambda q: dig(q, "status", "admittedWorkloads") or 0,
    },
    "Workload": {
        "Name": name_of,
        "Queue": lambda w: w["spec"].get("queueName", ""),
        "Reserved in": lambda w: dig(w, "status", "admission", "clusterQueue") or "",
        "Admitted": _admitted,
        "Finished": lambda w: "True" if is_true(w, "Finished") else "",
        "Age": _age,
    },
}
