"""The nodes behind the flavors that have a topology: read once, and kept true while Workloads settle there."""

from collections.abc import Mapping, Sequence

from localcloud.kubernetes.api import Api
from localcloud.kubernetes.objects import Object, dig, is_finished_pod, labels_of, name_of
from localcloud.kubernetes.quantities import Amounts
from localcloud.kubernetes.resources import NODES, PODS, TOPOLOGIES
from localcloud.kubernetes.topology import Landscape, Places, pod_needs, read_places, survey, written
from localcloud.kubernetes.workloads import TAS_LABEL


class Grounds:
    """Every such flavor's landscape; without topologies nothing is read at all."""

    def __init__(self, api: Api, flavors: Mapping[str, Object]) -> None:
        self._flavors = flavors
        topologies = {name_of(one): one for one in api.store.all_of(TOPOLOGIES)}
        named = {flavor: topologies[name] for flavor in flavors if (name := self.topology_of(flavor)) in topologies}
        nodes = list(api.store.all_of(NODES)) if named else []
        pods = [pod for pod in api.store.all_of(PODS) if _counts(pod)] if named else []
        self._landscapes = {flavor: survey(found, flavors[flavor], nodes, pods) for flavor, found in named.items()}

    @property
    def levels(self) -> dict[str, Sequence[str]]:
        """The levels of every flavor that has a topology."""
        return {flavor: landscape.levels for flavor, landscape in self._landscapes.items()}

    def topology_of(self, flavor: str) -> str:
        """Give the topology that a flavor names, or an empty string."""
        return str(dig(self._flavors.get(flavor), "spec", "topologyName") or "")

    def settle(self, workload: Object) -> None:
        """Count the pods of a Workload that was placed."""
        assignments = {one["name"]: one for one in workload["status"]["admission"]["podSetAssignments"]}
        for pod_set in workload["spec"]["podSets"]:
            assignment = assignments.get(pod_set["name"]) or {}
            landscape = self._of(assignment.get("flavors") or {})
            if landscape is not None:
                places = read_places(assignment.get("topologyAssignment"))
                landscape.take(places, pod_needs(pod_set["template"]))

    def _of(self, flavors: Mapping[str, str]) -> Landscape | None:
        return next((self._landscapes[name] for name in flavors.values() if name in self._landscapes), None)

    def place(self, workload: Object, flavors: Sequence[Mapping[str, str]]) -> list[Object | None] | str:
        """Give the topologyAssignment of every pod set (None without a topology), or what stands in the way."""
        taken: list[tuple[Landscape, Places, Amounts]] = []
        try:
            return [
                self._place(pod_set, self._of(chosen), taken)
                for pod_set, chosen in zip(workload["spec"]["podSets"], flavors, strict=True)
            ]
        except LookupError as full:
            return str(full.args[0])
        finally:  # each pod set sees those before it; who is admitted is counted by `settle`
            for landscape, places, pod in taken:
                landscape.take([(values, -count) for values, count in places], pod)

    def _place(
        self, pod_set: Object, landscape: Landscape | None, taken: list[tuple[Landscape, Places, Amounts]]
    ) -> Object | None:
        if landscape is None:
            return None
        pod = pod_needs(pod_set["template"])
        places = landscape.place(landscape.wish(pod_set), pod_set["count"], pod)
        if isinstance(places, str):
            raise LookupError(f"couldn't assign flavors to pod set {pod_set['name']}: {places}")
        landscape.take(places, pod)
        taken.append((landscape, places, pod))
        return written(landscape.levels, places)


def _counts(pod: Object) -> bool:
    """Tell whether a pod takes room on a node that no topology has given it."""
    is_bound = bool(dig(pod, "spec", "nodeName")) and not is_finished_pod(pod)
    return is_bound and TAS_LABEL not in labels_of(pod)
