"""Reading a cluster's queues: a team's LocalQueue and Workloads, and everything that shares quota with them."""

from typing import Any, TypeVar

from pydantic import TypeAdapter

from dropforge import naming
from dropforge.adapters import cluster
from dropforge.adapters.connections import Connection, status_of
from dropforge.domain.queueing import ClusterQueue, Cohort, Flavor, LocalQueue, Queueing, Workload
from dropforge.domain.quotas import Shown
from dropforge.errors import InvalidInput

Kind = TypeVar("Kind", bound=Shown)


def read(connection: Connection, team: str) -> Queueing:
    """Return the queues as they are. Raises Unavailable or InvalidInput (Cluster...) when the cluster does not say."""
    namespace = naming.namespace(team)
    local = _read(LocalQueue, cluster.list_queueing(connection, "localqueues", namespace))
    return Queueing(
        namespace=namespace,
        local=next((one for one in local if one.metadata.name == naming.queue(team)), None),
        queues=_read(ClusterQueue, cluster.list_queueing(connection, "clusterqueues")),
        cohorts=_read(Cohort, _cohorts(connection)),
        flavors=_read(Flavor, cluster.list_queueing(connection, "resourceflavors")),
        workloads=_read(Workload, cluster.list_queueing(connection, "workloads", namespace)),
    )


def _read(kind: type[Kind], documents: list[dict[str, Any]]) -> tuple[Kind, ...]:
    return TypeAdapter(tuple[kind, ...]).validate_python(documents)  # type: ignore[valid-type]


def _cohorts(connection: Connection) -> list[dict[str, Any]]:
    """Older Kueue keeps Cohorts in an API version of their own: then they have no quota that counts here."""
    try:
        return cluster.list_queueing(connection, "cohorts")
    except InvalidInput as problem:
        if status_of(problem) == 404:
            return []
        raise
