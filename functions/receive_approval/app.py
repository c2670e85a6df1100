"""Receive a decision that was made in the registry itself, in Studio for example: it takes the same road, or is set right."""

from dropforge.adapters import hearing
from dropforge.domain.events import PackageChanged
from dropforge.domain.inputs import Heard
from dropforge.task import task


@task
def handler(event: PackageChanged) -> Heard:
    heard = hearing.hear(event.detail.arn)
    return Heard(run_id=heard.run_id if heard else "", status=heard.status if heard else "")
