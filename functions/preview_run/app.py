"""Preview a run for a member of its project: what it would do, cost and wait for. It reads; nothing is made."""

from dropforge.action import action
from dropforge.adapters import parameters, previews
from dropforge.domain.callers import require_member
from dropforge.domain.previews import Preview, ToPreview


@action
def handler(asked: ToPreview) -> Preview:
    require_member(parameters.project(asked.project), asked.caller)
    return previews.preview(asked)
