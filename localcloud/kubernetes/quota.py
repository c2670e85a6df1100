"""Which flavors a Workload gets: Kueue's flavor assigner (pkg/scheduler/flavorassigner), with its words for what stands in the way.

Pure: it sees the tree of cohorts and writes nothing. Flavors are tried in the queue's order; `flavorFungibility` says when a later one is better
than to borrow or to preempt.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from fractions import Fraction

from localcloud.kubernetes import preemption_cases, victims
from localcloud.kubernetes.cohorts import Key, Node, Usage
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.preemption_cases import Case
from localcloud.kubernetes.quantities import Amounts, write
from localcloud.kubernetes.workloads import pod_set_needs


@dataclass(frozen=True)
class Flavors:
    """The flavors there are, and the levels of the topology of each that has one."""

    objects: Mapping[str, Object]
    levels: Mapping[str, Sequence[str]]


class Mode(IntEnum):
    """How quota can be had, the worst first."""

    NEVER = 0
    NOBODY_GOES = 1  # it would fit if others went, and no policy makes them go
    PREEMPT = 2
    RECLAIM = 3
    FIT = 4


@dataclass(frozen=True)
class Way:
    """How a resource of a flavor can be had, and from how far above it would be borrowed; 0 is the queue's own."""

    mode: Mode
    height: int = 0


@dataclass
class Choice:
    """The flavors of some resources of one pod set, with the way of each, and what stands in the way."""

    ways: dict[str, tuple[str, Way]] = field(default_factory=dict)
    obstacles: list[str] = field(default_factory=list)

    def worst(self) -> Way:
        """Give the least good way."""
        return min((way for _, way in self.ways.values()), key=_goodness, default=Way(Mode.FIT))


@dataclass
class Assignment:
    """What a Workload gets, pod set by pod set; the last is the first that gets nothing."""

    choices: list[tuple[str, Choice]] = field(default_factory=list)
    usage: Usage = field(default_factory=dict)
    mode: Mode = Mode.FIT
    height: int = 0

    @property
    def flavors(self) -> list[dict[str, str]]:
        """The flavor of every resource, by pod set."""
        return [{resource: flavor for resource, (flavor, _) in choice.ways.items()} for _, choice in self.choices]

    @property
    def lacking(self) -> frozenset[Key]:
        """Where others would have to go."""
        ways = (way for _, choice in self.choices for way in choice.ways.items())
        return frozenset((flavor, resource) for resource, (flavor, way) in ways if way.mode is not Mode.FIT)

    @property
    def message(self) -> str:
        """What stands in the way, in Kueue's words."""
        return "; ".join(
            f"couldn't assign flavors to pod set {name}: {', '.join(sorted(choice.obstacles))}"
            for name, choice in self.choices
            if choice.obstacles
        )


def assign(case: Case, flavors: Flavors) -> Assignment:
    """Find flavors for everything a Workload asks for; `needs` and `lacking` of the case are not read."""
    found = Assignment()
    for pod_set in case.workload["spec"]["podSets"]:
        choice = _assign_pod_set(case, pod_set, flavors, found.usage)
        found.choices.append((pod_set["name"], choice))
        needs = _needs(pod_set)
        if needs.keys() - choice.ways.keys():
            found.mode = Mode.NEVER
            return found
        for resource, (flavor, _) in choice.ways.items():
            found.usage[flavor, resource] = found.usage.get((flavor, resource), Fraction(0)) + needs[resource]
        worst = choice.worst()
        found.mode, found.height = min(found.mode, worst.mode), max(found.height, worst.height)
    return found


def _needs(pod_set: Object) -> Amounts:
    return {name: amount for name, amount in sorted(pod_set_needs(pod_set).items()) if amount}


def _assign_pod_set(case: Case, pod_set: Object, flavors: Flavors, before: Usage) -> Choice:
    """Choose flavors for one pod set; `before` is what those before it get."""
    chosen, needs = Choice(), _needs(pod_set)
    groups = case.queue["spec"].get("resourceGroups") or []
    for resource in needs:
        if resource in chosen.ways:
            continue
        group = next((one for one in groups if resource in one["coveredResources"]), None)
        if group is None:
            return Choice({}, [f"resource {resource} unavailable in ClusterQueue"])
        wanted = {name: amount for name, amount in needs.items() if name in group["coveredResources"]}
        found = _Search(case, flavors, pod_set, wanted, before).run([f["name"] for f in group["flavors"]])
        if not found.ways:
            return found
        chosen = Choice(chosen.ways | found.ways, chosen.obstacles + found.obstacles)
    return chosen


@dataclass(frozen=True)
class _Search:
    """The search for one flavor that has all the wanted resources of a group."""

    case: Case
    flavors: Flavors
    pod_set: Object
    wanted: Amounts
    before: Usage

    def run(self, names: Iterable[str]) -> Choice:
        fungibility = self.case.queue["spec"]["flavorFungibility"]
        best, obstacles = Choice(), []
        for name in names:
            found = self._try(name)
            obstacles += found.obstacles
            if found.ways and (not best.ways or _goodness(found.worst()) > _goodness(best.worst())):
                best = found
            if found.ways and not _goes_on(found.worst(), fungibility):
                best = found
                break
        fits = best.ways and best.worst().mode is Mode.FIT
        return Choice(best.ways, [] if fits else obstacles)

    def _try(self, name: str) -> Choice:
        if mismatch := self._mismatch(name):
            return Choice({}, [mismatch])
        choice = Choice()
        for resource, need in self.wanted.items():
            way, obstacle = self._way((name, resource), need)
            choice.obstacles += [obstacle] if obstacle else []
            if way.mode is Mode.NEVER:
                return Choice({}, choice.obstacles)
            choice.ways[resource] = name, way
        return choice

    def _mismatch(self, name: str) -> str:
        flavor = self.flavors.objects.get(name)
        if flavor is None:
            return f"flavor {name} not found"
        node_labels = node_labels_of(flavor)
        selector = self.pod_set["template"]["spec"].get("nodeSelector") or {}
        if any(node_labels[key] != value for key, value in selector.items() if key in node_labels):
            return f"flavor {name} doesn't match node affinity"
        return self._topology_mismatch(name)

    def _topology_mismatch(self, name: str) -> str:
        request, levels = self.pod_set.get("topologyRequest"), self.flavors.levels.get(name)
        if not request:
            wants_none = levels is not None and not self._is_topology_implied()
            return f'Flavor "{name}" supports only TopologyAwareScheduling' if wants_none else ""
        if levels is None:
            return f'Flavor "{name}" does not support TopologyAwareScheduling'
        level = request.get("required") or request.get("preferred")
        return f'Flavor "{name}" does not contain the requested level' if level and level not in levels else ""

    def _is_topology_implied(self) -> bool:
        groups = self.case.queue["spec"]["resourceGroups"]
        return all(flavor["name"] in self.flavors.levels for group in groups for flavor in group["flavors"])

    def _way(self, key: Key, need: Fraction) -> tuple[Way, str]:
        flavor, resource = key
        node, amount = self.case.node, self.before.get(key, Fraction(0)) + need
        capacity, available = node.capacity(key), node.available(key)
        if amount > capacity:
            words = f"request > maximum capacity ({write(amount)} > {write(capacity)})"
            return Way(Mode.NEVER), f"insufficient quota for {resource} in flavor {flavor}, {words}"
        height, is_part = height_of(node, key, amount)
        if amount <= available:
            return Way(Mode.FIT, height), ""
        short = f"insufficient unused quota for {resource} in flavor {flavor}, {write(amount - available)} more needed"
        if amount <= node.quota(key).nominal or is_part or self.case.may_preempt_beyond:
            return self._by_preemption(key, amount), short
        return Way(Mode.NEVER, height), short

    def _by_preemption(self, key: Key, amount: Fraction) -> Way:
        case = replace(self.case, needs={key: amount}, lacking=frozenset([key]))
        found = victims.targets(case)
        if not found:
            return Way(Mode.NOBODY_GOES, height_of(case.node, key, amount)[0])
        height = preemption_cases.after(found, lambda: height_of(case.node, key, amount)[0])
        own = any(target.reason == preemption_cases.OWN for target in found)
        return Way(Mode.PREEMPT if own else Mode.RECLAIM, height)


def _goodness(way: Way) -> tuple[bool, Mode, int]:
    return way.mode > Mode.NOBODY_GOES, way.mode, -way.height


def _goes_on(way: Way, fungibility: Object) -> bool:
    """Tell whether the next flavor is tried although this one could be had."""
    if way.mode is Mode.NOBODY_GOES:
        return True
    if way.mode in (Mode.PREEMPT, Mode.RECLAIM) and fungibility["whenCanPreempt"] == "TryNextFlavor":
        return True
    return bool(way.height and fungibility["whenCanBorrow"] == "TryNextFlavor")


def height_of(node: Node, key: Key, amount: Fraction) -> tuple[int, bool]:
    """Give the height of the lowest node that has the amount unused, and whether there is a cohort above it; 0 is the queue itself."""
    if node.parent is None or not node.exceeds(key, amount):
        return 0, node.parent is not None
    found, left = node, amount - node.left(key)
    for found in node.above():
        if not found.exceeds(key, left):
            break
        left -= found.left(key)
    return found.height(), found.parent is not None


def node_labels_of(flavor: Object) -> dict[str, str]:
    """Give the labels of the nodes behind a flavor."""
    return (flavor.get("spec") or {}).get("nodeLabels") or {}
