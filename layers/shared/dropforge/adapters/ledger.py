"""The ledger: the table of record. Who holds what, decided by conditional writes and read back consistently.

UPLOAD#<upload id>   UPLOAD              what became of an upload
DATASET#<id>         DATASET             an immutable dataset version
LATEST#<project>     <dataset>           the newest believed upload of a dataset
RUN#<run id>         RUN                 the run with its newest attempt
RUN#<run id>         VERIFIED            the newest checkpoint of its that was found whole in S3
RUN#<run id>         INCUMBENT#<attempt> which approved model, if any, an attempt is compared with
IDENTITY#<digest>    IDENTITY            the run id of an identity: whoever is first names it
EXECUTION#<name>     EXECUTION           which run an execution holds, written with its claim
UPLOAD#, RUN#        ENTRY#<key>         the timeline
OPEN                 UPLOAD#<upload id>  uploads that are neither a run yet nor over
LEASE                <run id>#<attempt>  attempts that may cost money, until a read has found nothing left of them

The order in which a project's rows came is in places.py, what was learned from which content in contents.py, what runs wait for in waits.py.
"""

from collections.abc import Iterator

from dropforge.adapters import contents, places, table
from dropforge.adapters.table import ABSENT, Change, Check, Condition
from dropforge.domain.checkpoints import Verified
from dropforge.domain.datasets import Dataset
from dropforge.domain.evaluations import Incumbent
from dropforge.domain.rosters import Pointer
from dropforge.domain.runs import OPEN, OVER, Arrival, Cancellation, Lease, Run
from dropforge.domain.timeline import Entry
from dropforge.domain.uploads import Upload
from dropforge.domain.values import Value


class Chosen(Value):
    """A choice that may be nothing."""

    incumbent: Incumbent | None


class Name(Value):
    """A row that is only a name."""

    name: str


def bind_upload(arrival: Arrival) -> Arrival:
    """Bind an upload to its first execution; a second arrival gets what the first one wrote."""
    pointer = Pointer(at=arrival.at, kind="upload", id=arrival.upload.id)
    if table.change(_arrival(arrival, ABSENT), _open(arrival), places.pointing(arrival.project, pointer)):
        return arrival
    return arrival_by_id(arrival.upload.id) or arrival


def bind_again(arrival: Arrival, before: Arrival) -> bool:
    """Bind an upload that is over to its next execution. Returns False when it is not over any more, or was bound again meanwhile."""
    when = Condition(
        f"execution = :before AND #status IN ({_listed(OVER)})",
        {"before": before.execution, **{status: status for status in OVER}},
        {"#status": "status"},
    )
    return table.change(_arrival(arrival, when), _open(arrival))


def record_arrival(arrival: Arrival) -> bool:
    """Write what became of an upload. Only the execution that it is bound to writes, an end is never taken back, and a wish to stop never lost.

    Returns False when it was not written.
    """
    still = f"NOT #status IN ({_listed(OVER)})"
    if arrival.status in OVER:
        mine = f"({still} OR #status = :{arrival.status})"
    else:
        mine = still if arrival.cancellation is not None else f"{still} AND attribute_not_exists(cancelled_at)"
    values: table.Columns = {"execution": arrival.execution, **{status: status for status in OVER}}
    when = Condition(f"attribute_not_exists(pk) OR (execution = :execution AND {mine})", values, {"#status": "status"})
    return table.change(_arrival(arrival, when), _open(arrival))


def cancel_arrival(arrival: Arrival, cancellation: Cancellation) -> bool:
    """Write that somebody wants an upload's execution to stop. Returns False when it is a run or over already, or not the upload's own."""
    when = Condition(
        f"execution = :execution AND #status IN ({_listed(OPEN)})",
        {"execution": arrival.execution, **{status: status for status in OPEN}},
        {"#status": "status"},
    )
    wanted = arrival.model_copy(update={"cancellation": cancellation})
    return table.change(_arrival(wanted, when), _open(wanted))


def _arrival(arrival: Arrival, when: Condition) -> Change:
    columns: table.Columns = {"execution": arrival.execution, "status": arrival.status}
    if arrival.cancellation is not None:
        columns["cancelled_at"] = arrival.cancellation.at
    return Change(f"UPLOAD#{arrival.upload.id}", "UPLOAD", arrival, columns, when)


def _open(arrival: Arrival) -> Change:
    """The upload's place among what is open: there while nothing else stands for it, gone afterwards."""
    row = arrival if arrival.status in OPEN else None
    return Change("OPEN", f"UPLOAD#{arrival.upload.id}", row)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f":{name}" for name in names)


def open_arrivals() -> Iterator[Arrival]:
    """Yield the uploads that are neither a run yet nor over."""
    return table.query("OPEN", "UPLOAD#", Arrival)


def open_arrival_of(execution: str) -> Arrival | None:
    """Return the open upload that an execution of any name works on."""
    return next((arrival for arrival in open_arrivals() if arrival.execution == execution), None)


def arrival(upload: Upload) -> Arrival | None:
    """Return what became of an upload."""
    return arrival_by_id(upload.id)


def arrival_by_id(upload_id: str) -> Arrival | None:
    """Return what became of the upload with this id."""
    return table.get(f"UPLOAD#{upload_id}", "UPLOAD", Arrival)


def record_dataset(dataset: Dataset) -> None:
    """Record a dataset version. The same content again changes nothing of it: the first upload stays its source, and the next is found, too."""
    contents.record(dataset)
    table.put(f"DATASET#{dataset.id}", "DATASET", dataset, {"digest": dataset.digest}, ABSENT)


def record_latest(arrival: Arrival, uploaded_at: str) -> None:
    """Record an upload as the newest of its dataset that was believed, unless one that was uploaded later is (RFC 3339)."""
    when = Condition("attribute_not_exists(pk) OR #at <= :at", {"at": uploaded_at}, {"#at": "at"})
    table.put(f"LATEST#{arrival.project}", arrival.dataset, arrival, {"at": uploaded_at}, when)


def latest(project: str, dataset: str) -> Arrival | None:
    """Return the newest upload of a dataset that was believed."""
    return table.get(f"LATEST#{project}", dataset, Arrival)


def run(run_id: str) -> Run | None:
    """Return a run with its newest attempt."""
    return table.get(f"RUN#{run_id}", "RUN", Run)


def record_verified(run_id: str, verified: Verified) -> None:
    """Record an attempt's checkpoint as whole, unless a later attempt's is."""
    when = Condition("attribute_not_exists(pk) OR attempt <= :attempt", {"attempt": verified.attempt})
    table.put(f"RUN#{run_id}", "VERIFIED", verified, {"attempt": verified.attempt}, when)


def verified(run_id: str) -> Verified | None:
    """Return the newest checkpoint of a run that was found whole."""
    return table.get(f"RUN#{run_id}", "VERIFIED", Verified)


def choose_incumbent(run: Run, incumbent: Incumbent | None) -> Incumbent | None:
    """Record what an attempt is compared with, unless that is settled, and return what is."""
    table.put(f"RUN#{run.id}", f"INCUMBENT#{run.attempt:04d}", Chosen(incumbent=incumbent), None, ABSENT)
    return incumbent_of(run)


def incumbent_of(run: Run) -> Incumbent | None:
    """Return what an attempt is compared with."""
    chosen = table.get(f"RUN#{run.id}", f"INCUMBENT#{run.attempt:04d}", Chosen)
    return chosen.incumbent if chosen is not None else None


def run_id_of(identity: str, wanted: str) -> str:
    """Return the run id of an identity. The first to ask names it, so the same content under another dataset's name is the same run."""
    if table.put(f"IDENTITY#{identity}", "IDENTITY", Name(name=wanted), None, ABSENT):
        return wanted
    named = table.get(f"IDENTITY#{identity}", "IDENTITY", Name)
    return named.name if named is not None else wanted


def run_of(execution: str) -> Run | None:
    """Return the run whose attempt an execution has claimed, if it came that far."""
    named = table.get(f"EXECUTION#{execution}", "EXECUTION", Name)
    return run(named.name) if named is not None else None


def claim(run: Run, lease: Lease) -> bool:
    """Write a run's first attempt with its lease. Returns False when somebody else was first."""
    pointer = Pointer(at=run.started_at, kind="run", id=run.id)
    return _claim(run, lease, ABSENT, places.pointing(run.project, pointer))


def claim_next(run: Run, lease: Lease) -> bool:
    """Write a run's next attempt over an ended one. Returns False when the attempt before it is not the newest or has not failed."""
    when = Condition(
        "attempt = :before AND #status IN (:failed, :cancelled)",
        {"before": run.attempt - 1, "failed": "failed", "cancelled": "cancelled"},
        {"#status": "status"},
    )
    return _claim(run, lease, when)


def _claim(run: Run, lease: Lease, when: Condition, *more: Change) -> bool:
    named = Change(f"EXECUTION#{run.execution}", "EXECUTION", Name(name=run.id))
    wanted = Condition(
        "attribute_not_exists(pk) OR execution <> :execution OR attribute_not_exists(cancelled_at)",
        {"execution": run.execution},
    )
    uncancelled = Check(f"UPLOAD#{run.upload.id}", "UPLOAD", wanted)
    leased = Change("LEASE", _attempt(run), lease)
    return table.change(_run(run, when), leased, named, uncancelled, *contents.of_run(run), *more)


def _run(run: Run, when: Condition) -> Change:
    columns: table.Columns = {"attempt": run.attempt, "status": run.status, "execution": run.execution}
    if run.cancellation is not None:
        columns["cancelled_at"] = run.cancellation.at
    return Change(f"RUN#{run.id}", "RUN", run, columns, when)


def _attempt(run: Run) -> str:
    return f"{run.id}#{run.attempt}"


def end(run: Run, *more: Change | Check) -> bool:
    """Write an attempt's terminal status, and with it `more`. Returns False when it has one already, is not the newest, or a check does not hold.

    A run that somebody has cancelled cannot succeed any more.
    """
    wanted = " AND attribute_not_exists(cancelled_at)" if run.status == "succeeded" else ""
    return table.change(_run(run, _still_running(run, wanted)), *more)


def cancel(run: Run, cancellation: Cancellation) -> bool:
    """Write that somebody wants an attempt to stop. Returns False when it is over already."""
    return table.change(_run(run.model_copy(update={"cancellation": cancellation}), _still_running(run)))


def _still_running(run: Run, more: str = "") -> Condition:
    return Condition(
        f"attempt = :attempt AND execution = :execution AND #status = :running{more}",
        {"attempt": run.attempt, "execution": run.execution, "running": "running"},
        {"#status": "status"},
    )


def release_lease(run: Run) -> None:
    """Give a lease back; what it paid for has been read as gone or finished."""
    table.delete("LEASE", _attempt(run))


def lease(run: Run) -> Lease | None:
    """Return an attempt's lease."""
    return lease_of(run.id, run.attempt)


def lease_of(run_id: str, attempt: int) -> Lease | None:
    """Return the lease of an attempt by its number."""
    return table.get("LEASE", f"{run_id}#{attempt}", Lease)


def leases() -> Iterator[Lease]:
    """Yield the leases of all attempts that may still cost money."""
    return table.query("LEASE", "", Lease)


def add_entry(timeline: str, entry: Entry) -> None:
    """Write a line of a timeline, once: a line that says the same is there already."""
    table.put(timeline, f"ENTRY#{entry.key}", entry, None, ABSENT)


def entries(timeline: str) -> list[Entry]:
    """Return the lines of a timeline."""
    return list(table.query(timeline, "ENTRY#", Entry))
