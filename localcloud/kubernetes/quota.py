"""Quota arithmetic: which flavor a Workload fits into, or why into none, and who would have to go.

Pure: it sees usage and quotas and writes nothing. Cohorts are not modelled; their fields are refused at the door.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from localcloud.kubernetes.objects import Object, name_of
from localcloud.kubernetes.quantities import Amounts, parse, write
from localcloud.kubernetes.workloads import pod_set_needs

_TOPOLOGY = tuple(f"kueue.x-k8s.io/podset-{kind}-topology" for kind in ("required", "preferred", "unconstrained"))
Usage = dict[tuple[str, str], Fraction]


@dataclass(frozen=True)
class Fit:
    """The flavor of every resource, or the obstacles where `flavors` is None."""

    flavors: Mapping[str, str] | None
    obstacles: tuple[str, ...] = ()


def usage_of(workloads: Iterable[Object]) -> Usage:
    """Give what admitted Workloads use, by flavor and resource."""
    total: Usage = {}
    for workload in workloads:
        for assignment in workload["status"]["admission"]["podSetAssignments"]:
            for resource, flavor in (assignment.get("flavors") or {}).items():
                amount = parse(assignment["resourceUsage"][resource])
                total[flavor, resource] = total.get((flavor, resource), Fraction(0)) + amount
    return total


def fit(queue: Object, workload: Object, usage: Usage, flavors: Mapping[str, Object]) -> Fit:
    """Find flavors for everything a Workload asks for; flavors are tried in the queue's order."""
    pod_set = workload["spec"]["podSets"][0]
    needs = {name: amount for name, amount in pod_set_needs(pod_set).items() if amount}
    groups = queue["spec"].get("resourceGroups") or []
    covered = {name for group in groups for name in group["coveredResources"]}
    for name in sorted(needs.keys() - covered):
        return Fit(None, (f"resource {name} unavailable in ClusterQueue",))
    chosen: dict[str, str] = {}
    for group in groups:
        wanted = {name: needs[name] for name in group["coveredResources"] if name in needs}
        found = _fit_group(group, wanted, usage, flavors, pod_set["template"])
        if found.flavors is None:
            return found
        chosen |= found.flavors
    return Fit({**dict.fromkeys(pod_set_needs(pod_set), _first_flavor(groups)), **chosen})


def _first_flavor(groups: Sequence[Object]) -> str:
    return str(groups[0]["flavors"][0]["name"]) if groups else ""


def _fit_group(group: Object, wanted: Amounts, usage: Usage, flavors: Mapping[str, Object], template: Object) -> Fit:
    if not wanted:
        return Fit({})
    obstacles: list[str] = []
    for quota in group["flavors"]:
        found = _flavor_obstacles(quota, wanted, usage, flavors, template)
        if not found:
            return Fit(dict.fromkeys(wanted, quota["name"]))
        obstacles += found
    return Fit(None, tuple(obstacles))


def _flavor_obstacles(
    quota: Object, wanted: Amounts, usage: Usage, flavors: Mapping[str, Object], template: Object
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
    nominal = {entry["name"]: parse(entry["nominalQuota"]) for entry in quota["resources"]}
    texts = [_shortage(name, r, need, usage.get((name, r), Fraction(0)), nominal[r]) for r, need in wanted.items()]
    return [text for text in texts if text]


def _shortage(flavor: str, resource: str, need: Fraction, used: Fraction, nominal: Fraction) -> str:
    if need > nominal:
        amounts = f"{write(need)} > {write(nominal)}"
        return f"insufficient quota for {resource} in flavor {flavor}, request > maximum capacity ({amounts})"
    if used + need > nominal:
        more = write(used + need - nominal)
        return f"insufficient unused quota for {resource} in flavor {flavor}, {more} more needed"
    return ""


def node_labels_of(flavor: Object) -> dict[str, str]:
    """Give the labels of the nodes behind a flavor."""
    return (flavor.get("spec") or {}).get("nodeLabels") or {}


def victims(
    queue: Object, workload: Object, reserving: Sequence[Object], flavors: Mapping[str, Object], order: Sequence[Object]
) -> list[Object]:
    """Give the fewest Workloads of lower priority that must go, taken in `order`; none when that cannot help."""
    if queue["spec"]["preemption"]["withinClusterQueue"] != "LowerPriority":
        return []
    priority = workload["spec"].get("priority", 0)
    chosen: list[Object] = []
    for candidate in [other for other in order if other["spec"].get("priority", 0) < priority]:
        chosen.append(candidate)
        if _fits_without(queue, workload, reserving, flavors, chosen):
            return _fewest(queue, workload, reserving, flavors, chosen)
    return []


def _fits_without(
    queue: Object, workload: Object, reserving: Sequence[Object], flavors: Mapping[str, Object], gone: Sequence[Object]
) -> bool:
    names = {name_of(other) + other["metadata"]["namespace"] for other in gone}
    left = [other for other in reserving if name_of(other) + other["metadata"]["namespace"] not in names]
    return fit(queue, workload, usage_of(left), flavors).flavors is not None


def _fewest(
    queue: Object, workload: Object, reserving: Sequence[Object], flavors: Mapping[str, Object], chosen: list[Object]
) -> list[Object]:
    for spared in list(reversed(chosen))[1:]:
        fewer = [other for other in chosen if other is not spared]
        if _fits_without(queue, workload, reserving, flavors, fewer):
            chosen = fewer
    return chosen
