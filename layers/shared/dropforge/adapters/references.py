"""What people mean: a run id, an upload id or an execution name, looked up in the ledger."""

import re
from typing import NamedTuple

from dropforge.adapters import ledger
from dropforge.domain.runs import Arrival, Run
from dropforge.errors import NotFound

_UPLOAD = re.compile(r"^(?:.*-)?([0-9a-f]{16})(?:-(?:\d+|r[0-9a-f]{8}))?$")


class Meant(NamedTuple):
    """What a reference stands for: a run with its newest attempt, the upload it came from, or both."""

    run: Run | None
    arrival: Arrival | None


def find(reference: str) -> Meant:
    """Return what a reference stands for; both are None when nothing is known of it."""
    run = ledger.run(reference) or ledger.run_of(reference)
    if run is not None:
        return Meant(run, ledger.arrival(run.upload))
    match = _UPLOAD.match(reference)
    arrival = (ledger.arrival_by_id(match[1]) if match else None) or ledger.open_arrival_of(reference)
    return Meant(ledger.run(arrival.run_id) if arrival is not None and arrival.run_id else None, arrival)


def require(reference: str) -> Run | Arrival:
    """Return the run that a reference stands for, or the upload while it is not a run. Raises NotFound (RunNotFound)."""
    meant = find(reference)
    found = meant.run or meant.arrival
    if found is None:
        raise NotFound("RunNotFound", f"Nothing is known of `{reference}`.", {"reference": reference})
    return found
