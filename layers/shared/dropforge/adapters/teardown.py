"""What an attempt that has ended leaves behind, and how it goes: logs kept first, everything deleted, and a read that finds nothing.

The checkpoints on the file system stay: the next attempt goes on from the newest good one.
"""

from dropforge import naming
from dropforge.adapters import cluster, connections, file_system_turns, logs, parameters, registry, waits
from dropforge.adapters.connections import Connection
from dropforge.domain.runs import Run, Wait
from dropforge.domain.waiting import selector, tasks_of

GONE_SECONDS = 45  # pods get 30 s to stop; the rest is for the API


def clear(run: Run, patience: int = GONE_SECONDS) -> None:
    """Keep the logs of an attempt, delete what it has on its cluster and file system, and read it gone within `patience` seconds.

    Raises NotReady (JobsNotGone) until then.
    """
    target = parameters.cluster(run.cluster)
    namespace, mine = naming.namespace(run.team), selector(run.id, run.attempt)
    waiting = [wait for wait in waits.of_cluster(run.cluster) if (wait.run_id, wait.attempt) == (run.id, run.attempt)]
    _cancel_tasks(target.file_system, run, waiting)
    connection = connections.connect(target, "writer")
    _keep_logs(connection, namespace, run, mine)
    cluster.delete_jobs(connection, namespace, mine)
    cluster.wait_gone(connection, namespace, mine, patience)
    for wait in waiting:
        waits.end(wait)
    if run.status != "succeeded":
        _reject_model(run)


def _cancel_tasks(file_system: str, run: Run, waiting: list[Wait]) -> None:
    """Cancel what the file system does for an attempt, also a task whose id was never written down.

    Its waits go first: whoever starts a task after that finds nobody waiting for it, and cancels it.
    """
    for wait in waiting:
        if wait.kind == "file-system-task":
            waits.end(wait)
    file_system_turns.cancel(file_system, tasks_of(run))


def _keep_logs(connection: Connection, namespace: str, run: Run, mine: str) -> None:
    for pod in cluster.pods(connection, namespace, mine):
        step = pod["metadata"]["labels"].get(naming.label("step"), "unknown")
        lines = cluster.log(connection, namespace, pod["metadata"]["name"], logs.LINES)
        if lines:
            logs.keep((run.project, run.id, run.attempt, step), lines)


def _reject_model(run: Run) -> None:
    """A package that an attempt registered just before it ended otherwise must not wait for approval."""
    arn = registry.find_of_run(run)
    if arn is not None:
        registry.reject(arn, f"Run {run.id}, attempt {run.attempt}, ended before it was recorded as its model.")
