"""Quota arithmetic: which flavor a Workload fits into, or why into none, and who would have to go.

Pure: it sees usage and quotas and writes nothing. What a queue may take, from its cohort as well, is arithmetic of cohorts.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from localcloud.kubernetes import cohorts
from localcloud.kubernetes.cohorts import Key, Room
from localcloud.kubernetes.objects import Object, name_of, uid_of
from localcloud.kubernetes.quantities import Amounts, write
from localcloud.kubernetes.workloads import admission_queue, pod_set_needs

_TOPOLOGY = tuple(f"kueue.x-k8s.io/podset-{kind}-topology" for kind in ("required", "preferred", "unconstrained"))


@dataclass(frozen=True)
class Fit:
    """The flavor of every resource, or the obstacles where `flavors` is None."""

    flavors: Mapping[str, str] | None
    obstacles: tuple[str, ...] = ()


def fit(workload: Object, room: Room, flavors: Mapping[str, Object]) -> Fit:
    """Find flavors for everything a Workload asks for; flavors are tried in the queue's order."""
    pod_set = workload["spec"]["podSets"][0]
    needs = {name: amount for name, amount in pod_set_needs(pod_set).items() if amount}
    groups = room.queue["spec"].get("resourceGroups") or []
    covered = {name for group in groups for name in group["coveredResources"]}
    for name in sorted(needs.keys() - covered):
        return Fit(None, (f"resource {name} unavailable in ClusterQueue",))
    chosen: dict[str, str] = {}
    for group in groups:
        wanted = {name: needs[name] for name in group["coveredResources"] if name in needs}
        found = _fit_group(group, wanted, room, flavors, pod_set["template"])
        if found.flavors is None:
            return found
        chosen |= found.flavors
    return Fit({**dict.fromkeys(pod_set_needs(pod_set), _first_flavor(groups)), **chosen})


def _first_flavor(groups: Sequence[Object]) -> str:
    return str(groups[0]["flavors"][0]["name"]) if groups else ""


def _fit_group(group: Object, wanted: Amounts, room: Room, flavors: Mapping[str, Object], template: Object) -> Fit:
    if not wanted:
        return Fit({})
    obstacles: list[str] = []
    for quota in group["flavors"]:
        found = _flavor_obstacles(quota, wanted, room, flavors, template)
        if not found:
            return Fit(dict.fromkeys(wanted, quota["name"]))
        obstacles += found
    return Fit(None, tuple(obstacles))


def _flavor_obstacles(
    quota: Object, wanted: Amounts, room: Room, flavors: Mapping[str, Object], template: Object
) -> list[str]:
    name = quota["name"]
    if name not in flavors:
        return [f"flavor {name} not found"]
    if any(word in _TOPOLOGY for word in template["metadata"].get("annotations") or {}):
        return [f'Flavor "{name}" does not support TopologyAwareScheduling']
    node_labels = node_labels_of(flavors[name])
    selector = template["spec"].get("nodeSelector") or {}
    if any(node_labels[key] != value for key, value in selector.items() if key in node_labels):
        return [f"flavor {name} doesn't match node affinity"]
    texts = [_shortage((name, resource), need, room) for resource, need in wanted.items()]
    return [text for text in texts if text]


def _shortage(key: Key, need: Fraction, room: Room) -> str:
    flavor, resource = key
    if need > room.capacity(key):
        amounts = f"{write(need)} > {write(room.capacity(key))}"
        return f"insufficient quota for {resource} in flavor {flavor}, request > maximum capacity ({amounts})"
    if need > room.available(key):
        more = write(need - room.available(key))
        return f"insufficient unused quota for {resource} in flavor {flavor}, {more} more needed"
    return ""


def node_labels_of(flavor: Object) -> dict[str, str]:
    """Give the labels of the nodes behind a flavor."""
    return (flavor.get("spec") or {}).get("nodeLabels") or {}


@dataclass(frozen=True)
class Case:
    """A Workload that does not fit: its queue, the queues of the cohort, and who holds quota of any of them."""

    queue: Object
    workload: Object
    members: Sequence[Object]
    holding: Sequence[Object]
    flavors: Mapping[str, Object]

    def fits_without(self, gone: Sequence[Object]) -> bool:
        """Tell whether it would fit if some Workloads went."""
        uids = {uid_of(other) for other in gone}
        left = [other for other in self.holding if uid_of(other) not in uids]
        return fit(self.workload, cohorts.room(self.queue, self.members, left), self.flavors).flavors is not None

    def stays_within_its_quota(self) -> bool:
        """Tell whether the queue would not borrow for it in some flavor: only then may it take back what others have borrowed."""
        room = cohorts.room(self.queue, self.members, self.holding)
        needs = pod_set_needs(self.workload["spec"]["podSets"][0])
        short = {
            key[0]
            for key, quota in room.quotas.items()
            if needs.get(key[1]) and room.used(key) + needs[key[1]] > quota.nominal
        }
        return not {flavor for flavor, _ in room.quotas} <= short


def victims(case: Case, order: Sequence[Object]) -> list[Object]:
    """Give the fewest Workloads that must go, taken in `order`; none when nobody's going would help."""
    chosen: list[Object] = []
    for candidate in [other for other in order if _may_go(case, other)]:
        chosen.append(candidate)
        if case.fits_without(chosen):
            return _fewest(case, chosen)
    return []


def _may_go(case: Case, other: Object) -> bool:
    preemption = case.queue["spec"]["preemption"]
    lower = other["spec"].get("priority", 0) < case.workload["spec"].get("priority", 0)
    if admission_queue(other) == name_of(case.queue):
        return bool(preemption["withinClusterQueue"] == "LowerPriority" and lower)
    wanted = preemption["reclaimWithinCohort"]
    if wanted == "Never" or (wanted == "LowerPriority" and not lower):
        return False
    return case.stays_within_its_quota() and _is_borrowed(case, other)


def _is_borrowed(case: Case, other: Object) -> bool:
    """Tell whether a Workload of another queue uses what that queue has borrowed."""
    queue = next(one for one in case.members if name_of(one) == admission_queue(other))
    room = cohorts.room(queue, case.members, case.holding)
    return any(room.borrows(key) for key in cohorts.usage_of([other]))


def _fewest(case: Case, chosen: list[Object]) -> list[Object]:
    for spared in list(reversed(chosen))[1:]:
        fewer = [other for other in chosen if other is not spared]
        if case.fits_without(fewer):
            chosen = fewer
    return chosen
