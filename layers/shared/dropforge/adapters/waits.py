"""What runs wait for outside Lambda, as rows of the ledger, and who is watching.

CLUSTER#<name>       WAIT#<name>         what runs wait for on a cluster and its file system
CLUSTER#<name>       WATCH               who watches the cluster at the moment
CLUSTER#<name>       TROUBLE             why the newest look at the cluster failed; gone after one that did not
RUN#<run id>         PROGRESS            what a run's current job does (written by the watcher alone)
WATCHED              <cluster>#<team>    the teams that have ever had a wait, by cluster
"""

from dropforge.adapters import table
from dropforge.adapters.table import Condition
from dropforge.domain.runs import Progress, Trouble, Wait
from dropforge.domain.values import Value


class WatchedTeam(Value):
    """A team that has ever had a wait on a cluster."""

    cluster: str
    team: str


class Watch(Value):
    """Who watches a cluster, until when (seconds since 1970)."""

    owner: str
    until: int


def add(wait: Wait) -> None:
    """Write what a state waits for, before it is asked for. Entering the state again replaces the token."""
    table.put(f"CLUSTER#{wait.cluster}", f"WAIT#{wait.name}", wait, {"token": wait.token})
    table.put("WATCHED", f"{wait.cluster}#{wait.team}", WatchedTeam(cluster=wait.cluster, team=wait.team))


def update(wait: Wait) -> bool:
    """Write a wait's new phase. Returns False when its token has been replaced or it is over."""
    return table.put(
        f"CLUSTER#{wait.cluster}",
        f"WAIT#{wait.name}",
        wait,
        {"token": wait.token},
        Condition("#token = :token", {"token": wait.token}, {"#token": "token"}),
    )


def end(wait: Wait) -> None:
    """Remove a wait that has been answered; a newer token stays."""
    same = Condition("attribute_not_exists(pk) OR #token = :token", {"token": wait.token}, {"#token": "token"})
    table.delete(f"CLUSTER#{wait.cluster}", f"WAIT#{wait.name}", same)


def one(cluster: str, name: str) -> Wait | None:
    """Return a wait as it is now; None when it is over."""
    return table.get(f"CLUSTER#{cluster}", f"WAIT#{name}", Wait)


def of_cluster(cluster: str) -> list[Wait]:
    """Return everything that runs wait for on a cluster."""
    return list(table.query(f"CLUSTER#{cluster}", "WAIT#", Wait))


def watched_clusters() -> list[str]:
    """Return the clusters that have ever had a wait."""
    return sorted({row.cluster for row in table.query("WATCHED", "", WatchedTeam)})


def watched_teams(cluster: str) -> list[str]:
    """Return the teams that have ever had a wait on a cluster."""
    return [row.team for row in table.query("WATCHED", f"{cluster}#", WatchedTeam)]


def any_of_cluster(cluster: str) -> bool:
    """Whether anything is waited for on a cluster."""
    return table.holds(f"CLUSTER#{cluster}", "WAIT#")


def begin_watch(cluster: str, owner: str, now: int, seconds: int) -> bool:
    """Take the watch of a cluster for `seconds`. Returns False while somebody else has it."""
    watch = Watch(owner=owner, until=now + seconds)
    when = Condition("attribute_not_exists(pk) OR ends_at < :now", {"now": now})
    return table.put(f"CLUSTER#{cluster}", "WATCH", watch, {"ends_at": watch.until, "watcher": owner}, when)


def end_watch(cluster: str, owner: str) -> None:
    """Give the watch of a cluster back."""
    table.delete(f"CLUSTER#{cluster}", "WATCH", Condition("watcher = :watcher", {"watcher": owner}))


def record_trouble(cluster: str, trouble: Trouble) -> None:
    """Write why the newest look at a cluster failed."""
    table.put(f"CLUSTER#{cluster}", "TROUBLE", trouble)


def end_trouble(cluster: str) -> None:
    """Remove what was written of looks that failed: one has not."""
    table.delete(f"CLUSTER#{cluster}", "TROUBLE")


def trouble(cluster: str) -> Trouble | None:
    """Return why the newest look at a cluster failed; None when it did not."""
    return table.get(f"CLUSTER#{cluster}", "TROUBLE", Trouble)


def holders(cluster: str, team: str) -> tuple[str, ...]:
    """Return a team's runs that hold quota on a cluster: those with a job that runs."""
    return tuple(
        sorted({w.run_id for w in of_cluster(cluster) if (w.team, w.kind, w.phase) == (team, "job", "running")})
    )


def record_progress(run_id: str, progress: Progress) -> None:
    """Write what a run's current job does."""
    table.put(f"RUN#{run_id}", "PROGRESS", progress)


def progress(run_id: str) -> Progress | None:
    """Return what a run's current job does."""
    return table.get(f"RUN#{run_id}", "PROGRESS", Progress)
