"""The topology ungater: a pod of a placed Workload waits behind a gate until it is told its domain.

The pod of an Indexed Job goes to the domain of its index, so that neighbours in rank are neighbours in the network.
"""

from dataclasses import dataclass

from localcloud.kubernetes.api import Api, Options, place_of
from localcloud.kubernetes.job_pods import index_of, is_active
from localcloud.kubernetes.objects import Object, dig, name_of, namespace_of
from localcloud.kubernetes.resources import PODS, WORKLOADS
from localcloud.kubernetes.topology import Values, read_places
from localcloud.kubernetes.workloads import GATE, WORKLOAD_ANNOTATION

_MANAGER = "kueue"


@dataclass(frozen=True)
class Ungating:
    """One look at all pods behind the gate."""

    api: Api

    def run(self) -> None:
        """Give every gated pod its domain and open its gate."""
        for pod in self.api.store.all_of(PODS):
            if GATE in (pod["spec"].get("schedulingGates") or []) and is_active(pod):
                self._open(pod)

    def _open(self, pod: Object) -> None:
        name = dig(pod, "metadata", "annotations", WORKLOAD_ANNOTATION) or ""
        workload = self.api.store.get(WORKLOADS, namespace_of(pod), name)
        if workload is None or not dig(workload, "status", "admission"):
            return
        assignment = workload["status"]["admission"]["podSetAssignments"][0]["topologyAssignment"]
        seats = [values for values, count in read_places(assignment) for _ in range(count)]
        seat = self._seat(pod, name, seats, assignment["levels"])
        if seat is not None:
            self.api.change(place_of(PODS, pod), lambda p: _placed(p, assignment["levels"], seat), Options(_MANAGER))

    def _seat(self, pod: Object, workload: str, seats: list[Values], levels: list[str]) -> Values | None:
        if 0 <= index_of(pod) < len(seats):
            return seats[index_of(pod)]
        free = list(seats)
        for other in self.api.store.all_of(PODS, namespace_of(pod)):
            mine = dig(other, "metadata", "annotations", WORKLOAD_ANNOTATION) == workload and is_active(other)
            taken = tuple((other["spec"].get("nodeSelector") or {}).get(level, "") for level in levels)
            if mine and name_of(other) != name_of(pod) and taken in free:
                free.remove(taken)
        return free[0] if free else None


def _placed(pod: Object, levels: list[str], values: Values) -> Object:
    spec = pod["spec"]
    spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), **dict(zip(levels, values, strict=True))}
    spec["schedulingGates"] = [gate for gate in spec["schedulingGates"] if gate != GATE]
    if not spec["schedulingGates"]:
        del spec["schedulingGates"]
    return pod
