"""Sweep: find what events missed and what nobody waits for, and mend it. Every part has its turn although another one fails."""

from dropforge.adapters import lapses, letters, reconcile, strays
from dropforge.adapters.each import each
from dropforge.domain.inputs import Sweep, Swept
from dropforge.task import task


@task
def handler(tick: Sweep) -> Swept:
    if tick.cluster is not None:
        return sweep_cluster(tick.cluster)
    mending = (reconcile.lost_uploads, reconcile.lost_starts, reconcile.overdue_runs, lapses.mend)
    _, drained, uploads, starts, runs, decided = each((strays.hand_out, letters.drain, *mending), lambda part: part())
    return Swept(letters=drained, uploads=uploads, starts=starts, runs=runs, approvals=decided)


def sweep_cluster(name: str) -> Swept:
    runs, jobs = each((reconcile.lost_ends, strays.delete_strays), lambda part: part(name))
    return Swept(runs=runs, jobs=jobs)
