"""List runs and uploads for a member of their projects, the newest first."""

from dropforge.action import action
from dropforge.adapters import rosters
from dropforge.domain.rosters import Roster, ToList


@action
def handler(asked: ToList) -> Roster:
    return rosters.read(asked)
