"""Jobs that nobody waits for: whatever made them, they cost money, so they go."""

from datetime import datetime

from dropforge import naming
from dropforge.adapters import bus, cluster, connections, invocations, ledger, parameters, reconcile, settings, waits
from dropforge.adapters.connections import Connection
from dropforge.adapters.each import each
from dropforge.adapters.reconcile import settled
from dropforge.domain.events import DriftFound
from dropforge.domain.observed import Job
from dropforge.domain.waiting import managed, selector


def hand_out() -> int:
    """Have another invocation look at each cluster, so that an unreachable one stalls nobody else; return how many there are."""
    names = sorted({*waits.watched_clusters(), *reconcile.clusters_of_leases()})
    for name in names:
        invocations.send("sweep", {"cluster": name})
    return len(names)


def delete_strays(name: str) -> int:
    """Delete the unfinished jobs on a cluster whose attempt holds no lease, and return how many attempts lost theirs."""
    connection = connections.connect(parameters.cluster(name), "writer")
    return sum(each(waits.watched_teams(name), lambda team: _delete_of_team(connection, naming.namespace(team))))


def _delete_of_team(connection: Connection, namespace: str) -> int:
    """Delete what is still unfinished after its attempt was seen without a lease: a run that ends just now gives its lease back between two looks."""
    leaseless = {owner for owner in _unfinished(connection, namespace) if ledger.lease_of(*owner) is None}
    strays = sorted(leaseless & _unfinished(connection, namespace)) if leaseless else []
    each(strays, lambda owner: _delete(connection, namespace, owner))
    return len(strays)


def _unfinished(connection: Connection, namespace: str) -> set[tuple[str, int]]:
    listed = cluster.list_jobs(connection, namespace, managed(settings.environment()))
    return {job.owner for job in listed if _may_be_stray(job)}


def _may_be_stray(job: Job) -> bool:
    return job.state().phase in ("queued", "running") and settled(datetime.fromisoformat(job.metadata.created_at))


def _delete(connection: Connection, namespace: str, owner: tuple[str, int]) -> None:
    run_id, attempt = owner
    cluster.delete_jobs(connection, namespace, selector(run_id, attempt))
    found = f"jobs of {run_id}, attempt {attempt}, which holds no lease"
    bus.announce(DriftFound(project="", what=found, name=f"{connection.cluster}/{namespace}", did="deleted them"))
