"""Register a verified checkpoint as a model package, end the run and give its lease back."""

from dropforge.adapters import registry, successes, timeline
from dropforge.domain.events import ModelRegistered
from dropforge.domain.inputs import ToRegister
from dropforge.domain.models import Model, describe, package
from dropforge.task import task


@task
def handler(to_register: ToRegister) -> Model:
    plan, run, dataset = to_register.plan, to_register.run, to_register.dataset
    group = registry.ensure_group(run.project, run.dataset)
    arn = registry.find_of_run(run) or registry.register(group, package(plan, run, dataset, to_register.checkpoint))
    model = describe(arn, group, run, to_register.checkpoint)
    successes.record(run, arn)
    timeline.tell_of_run(
        run.id,
        ModelRegistered(
            project=run.project,
            run_id=run.id,
            model_arn=arn,
            uri=model.uri,
            loss_before=model.loss_before,
            loss_after=model.loss_after,
        ),
    )
    return model
