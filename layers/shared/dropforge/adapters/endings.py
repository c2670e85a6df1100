"""How an execution ended without a model, and what of it must not stay behind."""

from typing import NamedTuple

from pydantic import ValidationError

from dropforge import naming
from dropforge.adapters import arrivals, clock, cluster, filesystem, ledger, machine, parameters
from dropforge.domain.events import ExecutionDetail
from dropforge.domain.failures import Failure, failure, read_cause
from dropforge.domain.runs import Arrival, Run
from dropforge.domain.uploads import Drop
from dropforge.domain.waiting import selector


class Ending(NamedTuple):
    """What ended and why. `run` is absent when it ended before a run was known, or when another execution holds the run."""

    project: str
    execution: str
    failure: Failure
    run: Run | None
    arrival: Arrival | None


def read(detail: ExecutionDetail) -> Ending:
    """Return how an execution ended, from its event and, for what the event leaves out, from Step Functions."""
    described = machine.describe(detail.name) if detail.input is None or detail.cause is None else {}
    text = detail.input or str((described or {}).get("input", "{}"))
    arrival = _arrival(text)
    run = ledger.run_of(detail.name)
    held = run if run is not None and run.execution == detail.name else None
    error = detail.error or str((described or {}).get("error", detail.status))
    cause = detail.cause or str((described or {}).get("cause", ""))
    project = held.project if held else arrival.project if arrival else ""
    return Ending(project, detail.name, _failure(detail.status, error, cause), held, arrival)


def _arrival(text: str) -> Arrival | None:
    try:
        return ledger.arrival(Drop.model_validate_json(text).upload)
    except ValidationError:
        return None


def _failure(status: str, error: str, cause: str) -> Failure:
    if status == "ABORTED":
        return failure("ExecutionAborted", cause or "The execution was stopped by hand.")
    return read_cause("States.Timeout" if status == "TIMED_OUT" else error, cause)


def is_news(ending: Ending) -> bool:
    """Whether there is still something to record or to tear down. A lease that is still there says that an earlier try did not finish."""
    run, arrival = ending.run, ending.arrival
    if run is not None:
        return run.status == "running" or (run.status == "failed" and ledger.lease(run) is not None)
    if arrival is None:
        return True
    return arrival.execution == ending.execution and arrival.status not in (*ledger.ENDED, "joined")


def record(ending: Ending) -> None:
    """Write the terminal status of the run's attempt, or of the upload when no run was known."""
    if ending.run is not None:
        ended = ending.run.model_copy(update={"status": "failed", "failure": ending.failure, "ended_at": clock.stamp()})
        ledger.end(ended)
        arrivals.finish(ended, "failed", ending.failure)
    elif ending.arrival is not None:
        update = {"status": "failed", "failure": ending.failure, "at": clock.stamp()}
        ledger.record_arrival(ending.arrival.model_copy(update=update))


def tear_down(run: Run) -> None:
    """Delete what an attempt has on its cluster and file system, read it gone, and give the lease back. Raises NotReady until then."""
    target = parameters.cluster(run.cluster)
    connection = cluster.connect(target, "writer")
    namespace, mine = naming.namespace(run.team), selector(run.id, run.attempt)
    for wait in ledger.waits(run.cluster):
        if (wait.run_id, wait.attempt) == (run.id, run.attempt):
            if wait.kind == "file-system-task" and wait.reference:
                filesystem.cancel(wait.reference)
            ledger.end_wait(wait)
    cluster.delete_jobs(connection, namespace, mine)
    cluster.wait_gone(connection, namespace, mine, seconds=40)
    ledger.release_lease(run)
