"""Plan a run: decide everything that can be decided before anything costs money."""

from dropforge.adapters import planning, timeline
from dropforge.domain.events import RunPlanned
from dropforge.domain.inputs import ToPlan
from dropforge.domain.plans import Plan
from dropforge.task import task


@task
def handler(to_plan: ToPlan) -> Plan:
    made = planning.make(to_plan.dataset.upload.bucket, to_plan.dataset, to_plan.run)
    timeline.tell_of_run(
        made.run_id,
        RunPlanned(
            project=made.project,
            run_id=made.run_id,
            dataset_id=made.dataset_id,
            recipe=made.recipe,
            price_usd=made.price_usd,
        ),
    )
    return made
