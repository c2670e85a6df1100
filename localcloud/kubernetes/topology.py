"""Where the pods of a Workload go in a topology, as Kueue's snapshot of a flavor finds it (tas_flavor_snapshot.go), and how that is written.

A domain is told by its values, one for each level from the highest. The fullest domain that still has room for all is taken; where none has, and the
wish allows it, those with the most room, and on every level below as few as can be.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from localcloud.kubernetes.objects import Object, dig, is_true, labels_of
from localcloud.kubernetes.quantities import Amounts, add, read, requests

HOSTNAME = "kubernetes.io/hostname"
_ANNOTATIONS = {f"kueue.x-k8s.io/podset-{kind}-topology": kind for kind in ("required", "preferred", "unconstrained")}
Values = tuple[str, ...]
Places = list[tuple[Values, int]]


def requested(annotations: Mapping[str, str]) -> Object:
    """Give what the annotations of a pod template ask of a topology, perhaps nothing."""
    found: Object = {kind: annotations[word] for word, kind in _ANNOTATIONS.items() if word in annotations}
    return {"unconstrained": found["unconstrained"] == "true"} if "unconstrained" in found else found


class Wish(NamedTuple):
    """What a pod set asks of a topology: the level where its pods shall be together, and whether they must."""

    level: str
    must: bool
    anywhere: bool


@dataclass
class Landscape:
    """The nodes behind one flavor as a topology sees them: what is free in each of its lowest domains."""

    name: str
    levels: Values
    free: dict[Values, Amounts]

    def wish(self, pod_set: Object) -> Wish:
        """Give a pod set's wish; without one its pods may go anywhere."""
        request = pod_set.get("topologyRequest") or {}
        level = request.get("required") or request.get("preferred")
        if not level:
            return Wish(self.levels[-1], must=False, anywhere=True)
        return Wish(level, must=bool(request.get("required")), anywhere=False)

    def place(self, wish: Wish, count: int, pod: Amounts) -> Places | str:
        """Find domains for `count` pods, or say how many fit, in Kueue's words."""
        room = {values: _fitting(free, pod) for values, free in self.free.items()}
        depth = self.levels.index(wish.level) + 1
        together = _together(room, depth, count)
        while not together and not wish.must and not wish.anywhere and depth > 1:
            depth -= 1
            together = _together(room, depth, count)
        domains = _summed(room, depth)
        most = max(domains.values(), default=0) if wish.must else sum(domains.values())
        if not together and most < count:
            return self._not_fit(most, count)
        chosen = together or _spread(domains, count)
        for deeper in range(depth + 1, len(self.levels) + 1):
            below = {values: n for values, n in _summed(room, deeper).items() if values[:-1] in chosen}
            chosen = _spread(below, count)
        return sorted(chosen.items())

    def _not_fit(self, most: int, count: int) -> str:
        if not most:
            return f'topology "{self.name}" doesn\'t allow to fit any of {count} pod(s)'
        return f'topology "{self.name}" allows to fit only {most} out of {count} pod(s)'

    def take(self, places: Places, pod: Amounts) -> None:
        """Count pods among those that are there; a domain that has gone meanwhile is passed over."""
        for values, count in places:
            for found in [full for full in self.free if full[-len(values) :] == values]:
                self.free[found] = add([self.free[found], {name: -amount * count for name, amount in pod.items()}])


def _fitting(free: Amounts, pod: Amounts) -> int:
    return max(0, min((int(free.get(name, amount * 0) // amount) for name, amount in pod.items() if amount), default=0))


def _summed(room: Mapping[Values, int], depth: int) -> dict[Values, int]:
    sums: dict[Values, int] = {}
    for values, count in room.items():
        sums[values[:depth]] = sums.get(values[:depth], 0) + count
    return sums


def _together(room: Mapping[Values, int], depth: int, count: int) -> dict[Values, int]:
    enough = [(n, values) for values, n in _summed(room, depth).items() if n >= count]
    return {min(enough)[1]: count} if enough else {}


def _spread(domains: Mapping[Values, int], count: int) -> dict[Values, int]:
    chosen: dict[Values, int] = {}
    left = dict(domains)
    while count:
        enough = [(n, values) for values, n in left.items() if n >= count]
        values = min(enough)[1] if enough else min((-n, values) for values, n in left.items())[1]
        chosen[values] = min(count, left.pop(values))
        count -= chosen[values]
    return chosen


def pod_needs(template: Object) -> Amounts:
    """Give what one pod takes of a node."""
    return add([requests(template["spec"]), read({"pods": "1"})])


def survey(topology: Object, flavor: Object, nodes: Iterable[Object], pods: Iterable[Object]) -> Landscape:
    """Look at the nodes behind a flavor; `pods` are those bound to nodes that no topology has placed."""
    levels = tuple(level["nodeLabel"] for level in topology["spec"]["levels"])
    wanted = dig(flavor, "spec", "nodeLabels") or {}
    used: dict[str, list[Amounts]] = {}
    for pod in pods:
        used.setdefault(pod["spec"]["nodeName"], []).append(pod_needs(pod))
    free: dict[Values, Amounts] = {}
    for node in nodes:
        labels = labels_of(node)
        if _takes_pods(node) and wanted.items() <= labels.items() and all(level in labels for level in levels):
            values = tuple(labels[level] for level in levels)
            taken = [{name: -amount for name, amount in one.items()} for one in used.get(node["metadata"]["name"], [])]
            free[values] = add([free.get(values, {}), read(dig(node, "status", "allocatable")), *taken])
    return Landscape(topology["metadata"]["name"], levels, free)


def _takes_pods(node: Object) -> bool:
    """Tell whether a node is ready and takes pods that tolerate nothing."""
    spec = node.get("spec") or {}
    tainted = any(taint["effect"] in ("NoSchedule", "NoExecute") for taint in spec.get("taints") or [])
    return is_true(node, "Ready") and not spec.get("unschedulable") and not tainted


def written(levels: Values, places: Places) -> Object:
    """Give a topologyAssignment of v1beta2; hosts are told by their names alone."""
    kept = len(levels) - 1 if levels[-1] == HOSTNAME else 0
    columns = zip(*(values[kept:] for values, _ in places), strict=True)
    piece = {
        "domainCount": len(places),
        "valuesPerLevel": [{"individual": {"roots": list(column)}} for column in columns],
        "podCounts": {"individual": [count for _, count in places]},
    }
    return {"levels": list(levels[kept:]), "slices": [piece]}


def read_places(assignment: Object | None) -> Places:
    """Read the domains of a topologyAssignment of v1beta2."""
    return [place for piece in (assignment or {}).get("slices") or [] for place in _read_slice(piece)]


def _read_slice(piece: Object) -> Places:
    count = piece["domainCount"]
    columns = [_column(level, count) for level in piece["valuesPerLevel"]]
    pods = piece["podCounts"].get("individual") or [piece["podCounts"]["universal"]] * count
    return list(zip(zip(*columns, strict=True), pods, strict=True))


def _column(level: Object, count: int) -> list[str]:
    if "universal" in level:
        return [level["universal"]] * count
    found = level["individual"]
    return [f"{found.get('prefix', '')}{root}{found.get('suffix', '')}" for root in found["roots"]]
