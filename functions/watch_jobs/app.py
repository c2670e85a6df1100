"""Watch what runs wait for: once a minute per cluster, never a loop per job."""

from dropforge.adapters import clock, invocations, watch
from dropforge.domain.inputs import Tick, Watched
from dropforge.task import task


@task
def handler(tick: Tick) -> Watched:
    if tick.cluster is not None:
        return watch.look(tick.cluster, tick.asked_at or clock.stamp())
    clusters = watch.busy_clusters()
    for name in clusters:
        invocations.send("watch_jobs", {"cluster": name, "asked_at": clock.stamp()})
    return Watched(clusters=len(clusters))
