"""Recall a dataset, or lift that, for a member of its project."""

from dropforge.action import action
from dropforge.adapters import parameters, recalling, subjects
from dropforge.domain.callers import require_member
from dropforge.domain.recalls import Recalled, ToRecall


@action
def handler(wanted: ToRecall) -> Recalled:
    require_member(parameters.project(subjects.project_of(wanted.subject)), wanted.caller)
    found = subjects.find(wanted.subject)
    return recalling.lift(wanted, found) if wanted.lift else recalling.recall(wanted, found)
