"""The pods of a Job: how a new one looks, and which ones still have to be counted.

A pod keeps the tracking finalizer until the Job's status has counted it, so a pod that vanishes is counted all the same.
"""

import copy
from collections.abc import Iterable

from localcloud.kubernetes.objects import (
    Object,
    is_deleted,
    is_finished_pod,
    labels_of,
    name_of,
    owner_reference,
    phase_of,
)

TRACKING = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"


def new_pod(job: Object, index: int | None, annotations: Object) -> Object:
    """Give a pod for a Job; `index` only for an Indexed one."""
    template = copy.deepcopy(job["spec"]["template"])
    metadata = template.setdefault("metadata", {})
    metadata["generateName"] = f"{name_of(job)}-" if index is None else f"{name_of(job)}-{index}-"
    metadata["ownerReferences"] = [owner_reference(job)]
    metadata["finalizers"] = [TRACKING]
    if annotations:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}
    if index is not None:
        _set_index(template, name_of(job), str(index))
    return {"metadata": metadata, "spec": template["spec"]}


def _set_index(template: Object, job: str, index: str) -> None:
    metadata, spec = template["metadata"], template["spec"]
    metadata["labels"] = {**(metadata.get("labels") or {}), INDEX: index}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), INDEX: index}
    spec.setdefault("hostname", f"{job}-{index}")
    field = {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}
    variable = {"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": field}}
    for container in [*spec["containers"], *(spec.get("initContainers") or [])]:
        container["env"] = [*(container.get("env") or []), variable]


def index_of(pod: Object) -> int:
    """Give the completion index; -1 for the pod of a job without indexes."""
    return int(labels_of(pod).get(INDEX, -1))


def is_active(pod: Object) -> bool:
    """Tell whether a pod still works towards its Job."""
    return not is_finished_pod(pod) and not is_deleted(pod)


def is_terminating(pod: Object) -> bool:
    """Tell whether a pod was told to stop and has not stopped yet."""
    return not is_finished_pod(pod) and is_deleted(pod)


def is_tracked(pod: Object) -> bool:
    """Tell whether a pod has not been counted yet."""
    return TRACKING in (pod["metadata"].get("finalizers") or [])


def is_over(pod: Object, job: Object) -> bool:
    """Tell whether a pod can be counted; a terminating one only when the Job replaces it at once."""
    if is_finished_pod(pod):
        return True
    waits_for_the_end = job["spec"]["podReplacementPolicy"] == "Failed"
    return is_deleted(pod) and not (waits_for_the_end and pod["metadata"].get("deletionGracePeriodSeconds"))


def succeeded(pod: Object) -> bool:
    """Tell whether a pod ended well."""
    return phase_of(pod) == "Succeeded"


def read_indexes(text: str) -> set[int]:
    """Read `status.completedIndexes`, such as "0,2-4"."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def write_indexes(indexes: Iterable[int]) -> str:
    """Write indexes as Kubernetes does: runs of three and more as a range."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


def released(pod: Object) -> Object:
    """Give the pod without the tracking finalizer."""
    left = [word for word in pod["metadata"]["finalizers"] if word != TRACKING]
    return {**pod, "metadata": {**pod["metadata"], "finalizers": left}}
