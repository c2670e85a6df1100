"""The ledger: the table of record. Who holds what, decided by conditional writes and read back consistently.

UPLOAD#<upload id>   UPLOAD              what became of an upload
DATASET#<id>         DATASET             an immutable dataset version
RUN#<run id>         RUN                 the run with its newest attempt
IDENTITY#<digest>    IDENTITY            the run id of an identity: whoever is first names it
EXECUTION#<name>     EXECUTION           which run an execution wants, written before it claims it
RUN#<run id>         PROGRESS            what its current job does (written by the watcher alone)
CLUSTER#<name>       WAIT#<name>         what runs wait for on a cluster and its file system
CLUSTER#<name>       WATCH               who watches the cluster at the moment
WATCHED              CLUSTER#<name>      the clusters that have ever had a wait
LEASE                <run id>#<attempt>  what may cost money until when
"""

from dropforge.adapters import table
from dropforge.adapters.table import ABSENT, Condition
from dropforge.domain.datasets import Dataset
from dropforge.domain.runs import Arrival, Lease, Progress, Run, Wait
from dropforge.domain.uploads import Upload
from dropforge.domain.values import Value

ENDED = ("rejected", "failed", "succeeded")  # of an upload


class Name(Value):
    """A row that is only a name."""

    name: str


class Watch(Value):
    """Who watches a cluster, until when (seconds since 1970)."""

    owner: str
    until: int


def bind_upload(arrival: Arrival) -> Arrival:
    """Bind an upload to its first execution; a second arrival gets what the first one wrote."""
    key = f"UPLOAD#{arrival.upload.id}"
    columns: table.Columns = {"execution": arrival.execution, "status": arrival.status}
    if table.put(key, "UPLOAD", arrival, columns, ABSENT):
        return arrival
    return table.get(key, "UPLOAD", Arrival) or arrival


def record_arrival(arrival: Arrival) -> None:
    """Write what became of an upload. Only the execution that it is bound to writes, and an end is never taken back."""
    columns: table.Columns = {"execution": arrival.execution, "status": arrival.status}
    mine = "attribute_not_exists(pk) OR (execution = :execution{})"
    values: table.Columns = {"execution": arrival.execution}
    if arrival.status in ENDED:
        when = Condition(mine.format(""), values)
    else:
        values |= {status: status for status in ENDED}
        listed = ", ".join(f":{status}" for status in ENDED)
        when = Condition(mine.format(f" AND NOT #status IN ({listed})"), values, {"#status": "status"})
    table.put(f"UPLOAD#{arrival.upload.id}", "UPLOAD", arrival, columns, when)


def arrival(upload: Upload) -> Arrival | None:
    """Return what became of an upload."""
    return arrival_by_id(upload.id)


def arrival_by_id(upload_id: str) -> Arrival | None:
    """Return what became of the upload with this id."""
    return table.get(f"UPLOAD#{upload_id}", "UPLOAD", Arrival)


def record_dataset(dataset: Dataset) -> None:
    """Record a dataset version. The same content again changes nothing: the first upload stays its source."""
    table.put(f"DATASET#{dataset.id}", "DATASET", dataset, {"digest": dataset.digest}, ABSENT)


def run(run_id: str) -> Run | None:
    """Return a run with its newest attempt."""
    return table.get(f"RUN#{run_id}", "RUN", Run)


def run_id_of(identity: str, wanted: str) -> str:
    """Return the run id of an identity. The first to ask names it, so the same content under another dataset's name is the same run."""
    if table.put(f"IDENTITY#{identity}", "IDENTITY", Name(name=wanted), None, ABSENT):
        return wanted
    named = table.get(f"IDENTITY#{identity}", "IDENTITY", Name)
    return named.name if named is not None else wanted


def name_execution(run: Run) -> None:
    """Write which run an execution wants, before it claims it: however the execution ends, its run can be found."""
    table.put(f"EXECUTION#{run.execution}", "EXECUTION", Name(name=run.id))


def run_of(execution: str) -> Run | None:
    """Return the run that an execution wanted, if it came that far."""
    named = table.get(f"EXECUTION#{execution}", "EXECUTION", Name)
    return run(named.name) if named is not None else None


def claim(run: Run) -> bool:
    """Write a run's first attempt. Returns False when somebody else was first."""
    return table.put(f"RUN#{run.id}", "RUN", run, _columns(run), ABSENT)


def claim_next(run: Run) -> bool:
    """Write a run's next attempt over an ended one. Returns False when the attempt before it is not the newest or has not failed."""
    when = Condition(
        "attempt = :before AND #status IN (:failed, :cancelled)",
        {"before": run.attempt - 1, "failed": "failed", "cancelled": "cancelled"},
        {"#status": "status"},
    )
    return table.put(f"RUN#{run.id}", "RUN", run, _columns(run), when)


def end(run: Run) -> bool:
    """Write an attempt's terminal status. Returns False when it has one already, or is not the newest attempt."""
    when = Condition(
        "attempt = :attempt AND execution = :execution AND #status = :running",
        {"attempt": run.attempt, "execution": run.execution, "running": "running"},
        {"#status": "status"},
    )
    return table.put(f"RUN#{run.id}", "RUN", run, _columns(run), when)


def _columns(run: Run) -> table.Columns:
    return {"attempt": run.attempt, "status": run.status, "execution": run.execution}


def write_lease(run: Run, lease: Lease) -> None:
    """Write what an attempt may cost, before it can cost anything."""
    table.put("LEASE", f"{run.id}#{run.attempt}", lease)


def release_lease(run: Run) -> None:
    """Give a lease back; what it paid for has been read as gone or finished."""
    table.delete("LEASE", f"{run.id}#{run.attempt}")


def lease(run: Run) -> Lease | None:
    """Return an attempt's lease."""
    return table.get("LEASE", f"{run.id}#{run.attempt}", Lease)


def add_wait(wait: Wait) -> None:
    """Write what a state waits for, before it is asked for. Entering the state again replaces the token."""
    table.put(f"CLUSTER#{wait.cluster}", f"WAIT#{wait.name}", wait, {"token": wait.token})
    table.put("WATCHED", f"CLUSTER#{wait.cluster}", Name(name=wait.cluster))


def update_wait(wait: Wait) -> bool:
    """Write a wait's new phase. Returns False when its token has been replaced or it is over."""
    return table.put(
        f"CLUSTER#{wait.cluster}",
        f"WAIT#{wait.name}",
        wait,
        {"token": wait.token},
        Condition("#token = :token", {"token": wait.token}, {"#token": "token"}),
    )


def end_wait(wait: Wait) -> None:
    """Remove a wait that has been answered; a newer token stays."""
    same = Condition("attribute_not_exists(pk) OR #token = :token", {"token": wait.token}, {"#token": "token"})
    table.delete(f"CLUSTER#{wait.cluster}", f"WAIT#{wait.name}", same)


def waits(cluster: str) -> list[Wait]:
    """Return everything that runs wait for on a cluster."""
    return list(table.query(f"CLUSTER#{cluster}", "WAIT#", Wait))


def watched_clusters() -> list[str]:
    """Return the clusters that have ever had a wait."""
    return [row.name for row in table.query("WATCHED", "CLUSTER#", Name)]


def begin_watch(cluster: str, owner: str, now: int, seconds: int) -> bool:
    """Take the watch of a cluster for `seconds`. Returns False while somebody else has it."""
    watch = Watch(owner=owner, until=now + seconds)
    when = Condition("attribute_not_exists(pk) OR ends_at < :now", {"now": now})
    return table.put(f"CLUSTER#{cluster}", "WATCH", watch, {"ends_at": watch.until, "watcher": owner}, when)


def end_watch(cluster: str, owner: str) -> None:
    """Give the watch of a cluster back."""
    table.delete(f"CLUSTER#{cluster}", "WATCH", Condition("watcher = :watcher", {"watcher": owner}))


def record_progress(run_id: str, progress: Progress) -> None:
    """Write what a run's current job does."""
    table.put(f"RUN#{run_id}", "PROGRESS", progress)


def progress(run_id: str) -> Progress | None:
    """Return what a run's current job does."""
    return table.get(f"RUN#{run_id}", "PROGRESS", Progress)
