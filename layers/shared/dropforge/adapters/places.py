"""The order in which a project's runs and uploads came.

PROJECT#<project>    <at>#<kind>#<id>    a pointer to a RUN or an UPLOAD, written with it and never changed
"""

from dropforge.adapters import table
from dropforge.adapters.table import Change
from dropforge.domain.rosters import Pointer

LOOKED_AT = 100  # pointers of a project that one question follows: what a filter leaves out is read, too


def pointing(project: str, pointer: Pointer) -> Change:
    """Return the change that gives a run or an upload its place."""
    return Change(f"PROJECT#{project}", pointer.place, pointer)


def newest(project: str, before: str = "") -> list[Pointer]:
    """Return the newest places of a project below `before`, the newest first, at most LOOKED_AT of them."""
    return table.newest(f"PROJECT#{project}", before, LOOKED_AT, Pointer)
