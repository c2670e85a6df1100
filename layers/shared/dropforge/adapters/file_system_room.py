"""Telling that a file system fills up, before a run finds it full. Jobs see it: every run begins with one that says how much room there is.

FILESYSTEM#<id>      SCARCE              on which day it was told last
"""

from dropforge.adapters import bus, clock, parameters, table
from dropforge.adapters.table import Condition
from dropforge.domain.events import FileSystemFilling
from dropforge.domain.file_systems import Room
from dropforge.domain.values import Value


class Told(Value):
    """The day (UTC) on which somebody was told."""

    day: str


def notice(cluster: str, project: str, room: Room) -> None:
    """Tell that a cluster's file system fills up, once a day. `project` is that of the run whose job saw it."""
    if not room.is_scarce:
        return
    file_system, today = parameters.cluster(cluster).file_system, clock.stamp()[:10]
    first = Condition("attribute_not_exists(pk) OR #day < :today", {"today": today}, {"#day": "day"})
    if table.put(f"FILESYSTEM#{file_system}", "SCARCE", Told(day=today), {"day": today}, first):
        found = {"cluster": cluster, "file_system": file_system, "free_bytes": room.free, "total_bytes": room.total}
        bus.announce(FileSystemFilling.model_validate({"project": project, **found}))
