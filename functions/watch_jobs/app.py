"""Watch what runs wait for: once a minute per cluster, never a loop per job."""

from dropforge.adapters import ledger, watch
from dropforge.domain.inputs import Tick, Watched
from dropforge.task import task


@task
def handler(tick: Tick) -> Watched:
    if tick.cluster is not None:
        return watch.look(tick.cluster)
    clusters = ledger.watched_clusters()
    for name in clusters:
        watch.hand_out(name)
    return Watched(clusters=len(clusters))
