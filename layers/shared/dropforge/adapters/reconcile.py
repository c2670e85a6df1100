"""What events missed: uploads nobody has heard of, executions that were never started, ends that were never recorded.

Everything is mended through the door that the event would have used, so that a late event finds its work done.
"""

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dropforge.adapters import (
    clock,
    endings,
    invocations,
    ledger,
    machine,
    marks,
    metrics,
    settings,
    storage,
    teardown,
    timeline,
)
from dropforge.adapters.each import each
from dropforge.domain.events import LeaseExpired
from dropforge.domain.measures import of_leases
from dropforge.domain.runs import Arrival, Cancellation, Lease, Run
from dropforge.domain.starts import Again, StartAgain
from dropforge.domain.uploads import PREFIX, Upload, locate
from dropforge.errors import InvalidInput

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectVersionTypeDef

ONE_LOOK = 0  # seconds that a teardown waits for pods to be gone: the next sweep looks again
OLDEST = timedelta(days=14)  # an upload that was not heard of for so long is left alone


def lost_uploads() -> int:
    """Hand `receive_drop` the drops that it has never heard of, in one slice of the bucket, and return how many."""
    bucket = settings.datasets_bucket()
    versions, marker = storage.next_slice(bucket, PREFIX, marks.bucket_marker())
    sent = sum(each(_drops(bucket, versions), _send_if_unknown))
    marks.record_bucket_marker(marker)
    return sent


def _drops(bucket: str, versions: "list[ObjectVersionTypeDef]") -> Iterator[Upload]:
    for version in versions:
        at = version["LastModified"]
        if settled(at) and clock.now() - at < OLDEST and _is_drop(version["Key"]):
            yield Upload(bucket=bucket, key=version["Key"], version_id=version["VersionId"])


def _is_drop(key: str) -> bool:
    try:
        return locate(key) is not None
    except InvalidInput:
        return False


def settled(at: datetime) -> bool:
    """Whether something of that time is old enough that its event is lost and not just late."""
    return (clock.now() - at).total_seconds() > settings.sweep_after_seconds()


def _send_if_unknown(upload: Upload) -> int:
    if ledger.arrival(upload) is not None:
        return 0
    created = {"bucket": {"name": upload.bucket}, "object": {"key": upload.key, "version-id": upload.version_id}}
    invocations.send("receive_drop", {"detail": created})
    return 1


def lost_starts() -> int:
    """Start what was bound but never started, end what ended unheard, and return how many."""
    return sum(each(list(ledger.open_arrivals()), _mend_arrival))


def _mend_arrival(arrival: Arrival) -> int:
    if not settled(datetime.fromisoformat(arrival.at)):
        return 0
    described = machine.describe(arrival.execution)
    if described is None and arrival.cancellation is not None:
        endings.finish(endings.never_started(arrival, arrival.cancellation))
        return 1
    if described is None:
        again = Again(upload=arrival.upload, execution=arrival.execution, run=arrival.run)
        invocations.send("receive_drop", StartAgain(again=again).model_dump(mode="json"))
        return 1
    ending = endings.read_late(arrival.execution, described)
    if ending is None or not endings.is_news(ending):
        return 0
    endings.finish(ending)
    return 1


def overdue_runs() -> int:
    """Stop runs that have held a lease too long, and those whose cancellation was cut off; return how many. It talks to no cluster.

    What the leases of runs that are over would cost is counted on the way, once a teardown should be done.
    """
    held = _settled_runs(ledger.leases())
    metrics.emit(of_leases(held))
    return sum(each(held, _stop_if_unwanted))


def lost_ends(cluster: str) -> int:
    """End the runs of a cluster whose execution is over, finish what is half torn down, and return how many.

    A teardown that waits for pods takes its time, so each gets one look; in any order, so that the same few do not always keep the rest waiting.
    """
    runs = [run for run, _ in _settled_runs(lease for lease in ledger.leases() if lease.cluster == cluster)]
    random.shuffle(runs)
    return sum(each(runs, _mend_run))


def clusters_of_leases() -> set[str]:
    """Return the clusters on which attempts hold leases."""
    return {lease.cluster for lease in ledger.leases()}


def _settled_runs(leases: Iterable[Lease]) -> list[tuple[Run, Lease]]:
    """Return the attempts that hold one of the leases and of which nothing can be merely late."""
    held = ((ledger.run(lease.run_id), lease) for lease in leases)
    return [(run, lease) for run, lease in held if run is not None and _is_settled(run, lease)]


def _is_settled(run: Run, lease: Lease) -> bool:
    return run.attempt == lease.attempt and settled(datetime.fromisoformat(run.ended_at or run.started_at))


def _mend_run(run: Run) -> int:
    if ledger.lease(run) is None:  # given back since the leases were listed
        return 0
    if run.status != "running":
        return _finish_teardown(run)
    ending = endings.read_late(run.execution, machine.describe(run.execution))
    if ending is None:
        return 0
    endings.finish(ending, ONE_LOOK)
    return 1


def _finish_teardown(run: Run) -> int:
    """Give back the lease of a run that is over. All jobs of one that succeeded have ended; of any other, what is left goes first."""
    if run.status != "succeeded":
        teardown.clear(run, ONE_LOOK)
    ledger.release_lease(run)
    return 1


def _stop_if_unwanted(held: tuple[Run, Lease]) -> int:
    """Stop a run whose cancellation was cut off after it was written down, or that has outlived its lease."""
    run, lease = held
    expired = clock.now() >= datetime.fromisoformat(lease.expires_at)
    if run.status != "running" or not (expired or run.cancellation):
        return 0
    if (machine.describe(run.execution) or {}).get("status") != "RUNNING":
        return 0
    if run.cancellation is None:
        told = LeaseExpired(
            project=run.project,
            run_id=run.id,
            attempt=run.attempt,
            expired_at=lease.expires_at,
            price_usd=lease.price_usd,
        )
        timeline.tell_of_run(run.id, told)
        wish = Cancellation(by="sweep", reason=f"its lease ended at {lease.expires_at}", at=clock.stamp())
        if not ledger.cancel(run, wish):
            return 0
    else:
        wish = run.cancellation
    machine.stop(run.execution, wish.failure())
    return 1
