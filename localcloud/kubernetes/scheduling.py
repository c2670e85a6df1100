"""Puts pods on the local node when they fit, and says why when they do not."""

from collections.abc import Iterable
from dataclasses import dataclass

from localcloud.kubernetes import events
from localcloud.kubernetes.api import Api, Options, place_of
from localcloud.kubernetes.objects import (
    Object,
    condition,
    dig,
    is_deleted,
    is_finished_pod,
    labels_of,
    name_of,
    namespace_of,
    set_condition,
)
from localcloud.kubernetes.quantities import Amounts, add, read, requests
from localcloud.kubernetes.resources import CLAIMS, NODES, PODS

_COMPONENT = "default-scheduler"
_GATED = "Scheduling is blocked due to non-empty scheduling gates"


@dataclass
class Scheduler:
    """The scheduler of a cluster with one real node, `node`; other Node objects have no kubelet behind them."""

    api: Api
    node: str

    def reconcile(self) -> float | None:
        """Bind every waiting pod that fits, oldest first."""
        pods = self.api.store.all_of(PODS)
        waiting = [pod for pod in pods if not dig(pod, "spec", "nodeName") and not is_deleted(pod)]
        for pod in sorted(waiting, key=self.api.store.born):
            obstacle = self._obstacle(pod)
            if obstacle:
                self._refuse(pod, obstacle)
            else:
                self._bind(pod)
        return None

    def _obstacle(self, pod: Object) -> str:
        if pod["spec"].get("schedulingGates"):
            return _GATED
        if missing := self._claim_obstacle(pod):
            return missing
        nodes = self.api.store.all_of(NODES)
        if not nodes:
            return "no nodes available to schedule pods"
        node = self.api.store.get(NODES, "", self.node)
        reasons = ["1 node(s) were unschedulable"] if node is None else _misfits(pod, node, self._used())
        if not reasons:
            return ""
        others = sum(name_of(other) != self.node for other in nodes)
        if others:
            reasons.append(f"{others} node(s) had untolerated taint {{node.kubernetes.io/unreachable: }}")
        return f"0/{len(nodes)} nodes are available: {', '.join(reasons)}."

    def _claim_obstacle(self, pod: Object) -> str:
        for volume in pod["spec"].get("volumes") or []:
            name = dig(volume, "persistentVolumeClaim", "claimName")
            claim = self.api.store.get(CLAIMS, namespace_of(pod), name) if name else None
            if name and claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if claim is not None and dig(claim, "status", "phase") != "Bound":
                return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    def _used(self) -> Amounts:
        bound = [pod for pod in self.api.store.all_of(PODS) if dig(pod, "spec", "nodeName") == self.node]
        return _asked(pod for pod in bound if not is_finished_pod(pod))

    def _refuse(self, pod: Object, why: str) -> None:
        found = condition(pod, "PodScheduled")
        if found is not None and found.get("message") == why:
            return
        reason = "SchedulingGated" if why == _GATED else "Unschedulable"
        status = _with_condition(pod, {"status": "False", "reason": reason, "message": why})
        self.api.write_status(PODS, pod, status, _COMPONENT)
        if why != _GATED:
            events.record(self.api, pod, "FailedScheduling", why, _COMPONENT, "Warning")

    def _bind(self, pod: Object) -> None:
        place = place_of(PODS, pod)
        self.api.change(place, lambda p: {**p, "spec": {**p["spec"], "nodeName": self.node}}, Options(_COMPONENT))
        self.api.write_status(PODS, pod, _with_condition(pod, {"status": "True"}), _COMPONENT)
        message = f"Successfully assigned {place.namespace}/{place.name} to {self.node}"
        events.record(self.api, pod, "Scheduled", message, _COMPONENT)


def _misfits(pod: Object, node: Object, used: Amounts) -> list[str]:
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels_of(node).get(key) != value for key, value in selector.items()):
        return ["1 node(s) didn't match Pod's node affinity/selector"]
    capacity = read(node["status"]["allocatable"])
    total = add([used, _asked([pod])])
    short = [name for name in _asked([pod]) if total[name] > capacity.get(name, 0)]
    return [f"1 Insufficient {name}" if name != "pods" else "1 Too many pods" for name in sorted(short)]


def _asked(pods: Iterable[Object]) -> Amounts:
    listed = list(pods)
    return add([*(requests(pod["spec"]) for pod in listed), read({"pods": str(len(listed))})])


def _with_condition(pod: Object, fresh: Object) -> Object:
    status = pod.get("status") or {}
    conditions = list(status.get("conditions") or [])
    set_condition(conditions, {"type": "PodScheduled", **fresh})
    return {**status, "conditions": conditions}
