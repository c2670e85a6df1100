"""A cluster's queues as documents of its API, and the forecast that is made of them."""

from typing import Any

from dropforge import naming
from dropforge.domain.fits import Fit, Need
from dropforge.domain.forecasts import judge
from dropforge.domain.quantities import amounts
from dropforge.domain.queueing import ClusterQueue, Cohort, Flavor, LocalQueue, Queueing, Workload

Json = dict[str, Any]
TEAM = "vision"
NAMESPACE, OWN = naming.namespace(TEAM), naming.cluster_queue(TEAM)
NODE = "node.kubernetes.io/instance-type"


def named(name: str, **parts: Any) -> Json:
    return {"metadata": {"name": name}, **parts}


def flavor_quota(name: str, cpu: str = "4", memory: str = "8Gi", **limits: str) -> Json:
    """A flavor's quota; `limits` hold for the CPUs."""
    cpus = {"name": "cpu", "nominalQuota": cpu, **limits}
    return {"name": name, "resources": [cpus, {"name": "memory", "nominalQuota": memory}]}


def cluster_queue(name: str, *flavors: Json, used: str = "0", cohort: str = "", **spec: Any) -> Json:
    """A ClusterQueue whose jobs hold `used` CPUs of its first flavor."""
    groups = [{"coveredResources": ["cpu", "memory"], "flavors": list(flavors or (flavor_quota("large"),))}]
    reserved = [{"name": groups[0]["flavors"][0]["name"], "resources": [{"name": "cpu", "total": used}]}]  # type: ignore[index]
    wanted = {"resourceGroups": groups, "namespaceSelector": {}, **({"cohortName": cohort} if cohort else {}), **spec}
    return named(name, spec=wanted, status={"flavorsReservation": reserved})


def flavor(name: str, **spec: Any) -> Json:
    return named(name, spec={"nodeLabels": {NODE: name}, **spec})


def job(name: str, cpu: str, of: str = "large", **status: Any) -> Json:
    """A Workload that holds CPUs."""
    share = {"name": "main", "flavors": {"cpu": of}, "resourceUsage": {"cpu": cpu}}
    admission = {"clusterQueue": OWN, "podSetAssignments": [share]}
    owner = [{"kind": "Job", "name": name}]
    metadata = {"name": f"job-{name}-12345", "ownerReferences": owner}
    return {"metadata": metadata, "status": {"admission": admission, **status}}


def forecast(
    *queues: Json,
    cpu: str = "1",
    memory: str = "1Gi",
    nodes: str = "large",
    flavors: tuple[Json, ...] | None = None,
    cohorts: tuple[Json, ...] = (),
    workloads: tuple[Json, ...] = (),
    local: Json | None = None,
) -> Fit:
    """Forecast a job of the team among these ClusterQueues."""
    found = Queueing(
        namespace=NAMESPACE,
        local=LocalQueue.model_validate(local or named(naming.queue(TEAM), spec={"clusterQueue": OWN})),
        queues=tuple(map(ClusterQueue.model_validate, queues)),
        cohorts=tuple(map(Cohort.model_validate, cohorts)),
        flavors=tuple(
            map(Flavor.model_validate, flavors if flavors is not None else (flavor("large"), flavor("small")))
        ),
        workloads=tuple(map(Workload.model_validate, workloads)),
    )
    asked = {name: amount for name, amount in amounts({"cpu": cpu, "memory": memory}).items() if amount}
    return judge(found, TEAM, Need(asked, {NODE: nodes}))
