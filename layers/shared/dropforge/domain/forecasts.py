"""Forecasts: whether a job would be admitted now, later or never, decided from a cluster's queues as Kueue decides it.

`never` is said only of what no empty cluster would admit, `now` only of what nothing visible stands in the way of. Where something decides that we
do not read (free nodes in a topology, an admission check, labels of a namespace), the answer is `unknown`.
"""

from dropforge import naming
from dropforge.domain.fits import Fit, Need, worst
from dropforge.domain.flavors import by_quota
from dropforge.domain.queueing import ClusterQueue, Queueing

NAME_LABEL = "kubernetes.io/metadata.name"  # Kubernetes gives it to every namespace


def judge(queueing: Queueing, team: str, need: Need) -> Fit:
    """Say whether a job of a team would be admitted."""
    if queueing.local is None:
        return _never(f"The team's LocalQueue {naming.queue(team)} is not in its namespace.")
    queue = queueing.cluster_queue()
    if queue is None:
        return _never(
            f"The ClusterQueue {queueing.local.spec.cluster_queue} of the team's queue is not on the cluster."
        )
    found = by_quota(queueing, queue, need)
    return _worse(found, _kept_out(queueing, queue)) if found.answer != "never" else found


def _never(why: str) -> Fit:
    return Fit(answer="never", why=why)


def _worse(found: Fit, other: Fit | None) -> Fit:
    return found if other is None else worst((found, other))


def _kept_out(queueing: Queueing, queue: ClusterQueue) -> Fit | None:
    """Say what stands in the way of every job of the queue, whatever is free."""
    return _namespace(queueing, queue) or _stopped(queueing, queue) or _in_turn(queueing, queue) or _checked(queue)


def _namespace(queueing: Queueing, queue: ClusterQueue) -> Fit | None:
    selector, wrong = (
        queue.spec.namespaces,
        f"The ClusterQueue {queue.metadata.name} takes no work of the team's namespace.",
    )
    if selector is None or selector.labels.get(NAME_LABEL, queueing.namespace) != queueing.namespace:
        return _never(wrong)
    if selector.labels.keys() - {NAME_LABEL} or selector.expressions:
        return Fit(
            answer="unknown", why=f"{queue.metadata.name} takes work by labels of the namespace, which we do not read."
        )
    return None


def _stopped(queueing: Queueing, queue: ClusterQueue) -> Fit | None:
    local = queueing.local
    assert local is not None  # noqa: S101  `judge` has looked
    stopped = [one.metadata.name for one in (local, queue) if one.spec.stop != "None"]
    if stopped:
        return Fit(answer="later", why=f"Somebody has stopped the queue {stopped[0]} (stopPolicy).")
    inactive = queue.status.inactive or local.status.inactive
    circle = queue.spec.cohort and queueing.trees()[queue.metadata.name].parent is None
    if inactive or circle:
        return Fit(answer="later", why=f"The queue takes no work: {inactive or 'its cohorts go round in a circle.'}")
    return None


def _in_turn(queueing: Queueing, queue: ClusterQueue) -> Fit | None:
    if queue.spec.strategy == "StrictFIFO" and queue.status.pending:
        return Fit(answer="later", why=f"{queue.status.pending} others wait before it, and the queue is StrictFIFO.")
    promised = next((one.name for one in queueing.workloads if one.waits_for_others_to_go), "")
    return (
        Fit(answer="later", why=f"What is free is promised to {promised}, for which others are being stopped.")
        if promised
        else None
    )


def _checked(queue: ClusterQueue) -> Fit | None:
    if queue.spec.checks or queue.spec.checks_strategy:
        return Fit(answer="unknown", why=f"The admission checks of {queue.metadata.name} decide, too.")
    return None
