"""Receive a decision that was made in the registry itself, in Studio for example: it takes the same road, or is set right."""

from dropforge.adapters import approvals
from dropforge.domain.events import PackageChanged
from dropforge.domain.inputs import Heard
from dropforge.task import task


@task
def handler(event: PackageChanged) -> Heard:
    run_id = event.detail.properties.get("run", "")
    heard = approvals.hear(event.detail.arn, run_id) if run_id else None
    return Heard(run_id=run_id, status=heard.status if heard is not None else "")
