"""Puts pods on a local node where they fit, and says why when there is none."""

from collections import Counter
from collections.abc import Collection, Iterable
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
    """The scheduler of a cluster with real `nodes`; other Node objects have no kubelet behind them."""

    api: Api
    nodes: Collection[str]

    def reconcile(self) -> float | None:
        """Bind every waiting pod that fits, oldest first."""
        pods = self.api.store.all_of(PODS)
        waiting = [pod for pod in pods if not dig(pod, "spec", "nodeName") and not is_deleted(pod)]
        for pod in sorted(waiting, key=self.api.store.born):
            if missing := self._gate(pod) or self._claim_obstacle(pod):
                self._refuse(pod, missing)
            else:
                self._place(pod)
        return None

    def _place(self, pod: Object) -> None:
        nodes = self.api.store.all_of(NODES)
        if not nodes:
            return self._refuse(pod, "no nodes available to schedule pods")
        reasons: Counter[str] = Counter()
        for node in sorted(nodes, key=name_of):
            found = self._misfits(pod, node)
            if not found:
                return self._bind(pod, name_of(node))
            reasons.update(found)
        counted = ", ".join(sorted(f"{times} {reason}" for reason, times in reasons.items()))
        return self._refuse(pod, f"0/{len(nodes)} nodes are available: {counted}.")

    def _misfits(self, pod: Object, node: Object) -> list[str]:
        if name_of(node) not in self.nodes:
            return ["node(s) had untolerated taint {node.kubernetes.io/unreachable: }"]
        return _misfits(pod, node, self._used(name_of(node)))

    def _gate(self, pod: Object) -> str:
        return _GATED if pod["spec"].get("schedulingGates") else ""

    def _claim_obstacle(self, pod: Object) -> str:
        for volume in pod["spec"].get("volumes") or []:
            name = dig(volume, "persistentVolumeClaim", "claimName")
            claim = self.api.store.get(CLAIMS, namespace_of(pod), name) if name else None
            if name and claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if claim is not None and dig(claim, "status", "phase") != "Bound":
                return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    def _used(self, node: str) -> Amounts:
        bound = [pod for pod in self.api.store.all_of(PODS) if dig(pod, "spec", "nodeName") == node]
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

    def _bind(self, pod: Object, node: str) -> None:
        place = place_of(PODS, pod)
        self.api.change(place, lambda p: {**p, "spec": {**p["spec"], "nodeName": node}}, Options(_COMPONENT))
        self.api.write_status(PODS, pod, _with_condition(pod, {"status": "True"}), _COMPONENT)
        message = f"Successfully assigned {place.namespace}/{place.name} to {node}"
        events.record(self.api, pod, "Scheduled", message, _COMPONENT)


def _misfits(pod: Object, node: Object, used: Amounts) -> list[str]:
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels_of(node).get(key) != value for key, value in selector.items()):
        return ["node(s) didn't match Pod's node affinity/selector"]
    capacity = read(node["status"]["allocatable"])
    total = add([used, _asked([pod])])
    short = [name for name in _asked([pod]) if total[name] > capacity.get(name, 0)]
    return [f"Insufficient {name}" if name != "pods" else "Too many pods" for name in sorted(short)]


def _asked(pods: Iterable[Object]) -> Amounts:
    listed = list(pods)
    return add([*(requests(pod["spec"]) for pod in listed), read({"pods": str(len(listed))})])


def _with_condition(pod: Object, fresh: Object) -> Object:
    status = pod.get("status") or {}
    conditions = list(status.get("conditions") or [])
    set_condition(conditions, {"type": "PodScheduled", **fresh})
    return {**status, "conditions": conditions}
