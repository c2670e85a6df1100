"""Forecasts in any tree of queues: the local Kueue's own flavor assigner is the measure, on the cluster as it is and on an empty one."""

from hypothesis import given
from hypothesis import strategies as st

from localcloud.kubernetes import cohorts as kueue
from localcloud.kubernetes import kueue_rules, quota
from localcloud.kubernetes.preemption_cases import Case
from localcloud.kubernetes.quantities import parse
from tests.domain.queues import NODE, OWN, Json, cluster_queue, flavor, forecast, named

AMOUNT = st.integers(0, 6).map(str)
LIMIT = st.none() | AMOUNT
FLAVORS, COHORTS = ("large", "small"), ("a", "b", "c")


@st.composite
def quotas(draw: st.DrawFn, *, limited: bool) -> list[Json]:
    """The quotas of both flavors, with limits only where Kueue allows them."""
    found = []
    for name in FLAVORS:
        resources = []
        for resource in ("cpu", "memory"):
            limits = {key: draw(LIMIT) for key in ("borrowingLimit", "lendingLimit")} if limited else {}
            said = {key: limit for key, limit in limits.items() if limit is not None}
            resources.append({"name": resource, "nominalQuota": draw(AMOUNT), **said})
        found.append({"name": name, "resources": resources})
    return found


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Json], list[Json]]:
    """ClusterQueues with what they use, and Cohorts up to three levels high."""
    cohorts = []
    for index, name in enumerate(COHORTS):
        parent = draw(st.sampled_from(["", *COHORTS[:index]]))
        groups = [{"coveredResources": ["cpu", "memory"], "flavors": draw(quotas(limited=bool(parent)))}]
        own = {"resourceGroups": groups} if draw(st.booleans()) else {}
        cohorts.append(named(name, spec={**own, **({"parentName": parent} if parent else {})}))
    queues = []
    for name in (OWN, "theirs", "others")[: draw(st.integers(1, 3))]:
        cohort = draw(st.sampled_from(["", *COHORTS]))
        queue = cluster_queue(name, *draw(quotas(limited=bool(cohort))), cohort=cohort)
        queue["status"]["flavorsReservation"] = [
            {"name": flavor, "resources": [{"name": of, "total": draw(AMOUNT)} for of in ("cpu", "memory")]}
            for flavor in FLAVORS
        ]
        queues.append(queue)
    return queues, draw(
        st.sets(st.sampled_from(COHORTS)).map(lambda kept: [c for c in cohorts if c["metadata"]["name"] in kept])
    )


def kueue_admits(queues: list[Json], cohorts: list[Json], asked: Json, *, empty: bool) -> bool:
    """What the local Kueue's flavor assigner says of one Workload."""
    made = [kueue_rules.check({"apiVersion": "v1", "kind": "ClusterQueue", **queue}, "v1beta2", []) for queue in queues]
    for queue in made:
        list(kueue_rules._RULES["ClusterQueue"](queue, None))
    nodes = kueue.plant(made, cohorts)
    for queue in () if empty else made:
        for used in queue["status"]["flavorsReservation"]:
            for total in used["resources"]:
                nodes[queue["metadata"]["name"]].take((used["name"], total["name"]), parse(total["total"]))
    container = {"name": "main", "resources": {"requests": asked}}
    pod_set = {
        "name": "main",
        "count": 1,
        "template": {"spec": {"containers": [container], "nodeSelector": {NODE: "large"}}},
    }
    own = made[0]
    case = Case({"spec": {"podSets": [pod_set]}}, own, nodes[OWN], {}, frozenset(), {}, lambda _: 0)
    flavors = quota.Flavors({name: flavor(name) for name in FLAVORS}, {})
    return quota.assign(case, flavors).mode is quota.Mode.FIT


@given(worlds(), st.integers(0, 8), st.integers(0, 8))
def test_the_forecast_is_what_the_local_kueue_decides_in_any_tree_of_queues(
    world: tuple[list[Json], list[Json]], cpu: int, memory: int
) -> None:
    queues, cohorts = world
    asked = {"cpu": str(cpu), "memory": str(memory)}
    ever = kueue_admits(queues, cohorts, asked, empty=True)
    now = kueue_admits(queues, cohorts, asked, empty=False)
    answer = forecast(*queues, cohorts=tuple(cohorts), cpu=str(cpu), memory=str(memory)).answer
    assert answer == ("now" if now else "later" if ever else "never")
