"""Register a verified checkpoint as a model package, end the run and give its lease back."""

from dropforge.adapters import arrivals, bus, clock, ledger, registry
from dropforge.domain.events import ModelRegistered
from dropforge.domain.inputs import ToRegister
from dropforge.domain.models import Model, describe, package
from dropforge.task import task


@task
def handler(to_register: ToRegister) -> Model:
    plan, run, dataset = to_register.plan, to_register.run, to_register.dataset
    wanted = package(plan, run, dataset, to_register.checkpoint)
    group = registry.ensure_group(run.project, run.dataset)
    arn = registry.find(group, wanted.token) or registry.register(group, wanted)
    model = describe(arn, group, run, to_register.checkpoint)
    ledger.end(run.model_copy(update={"status": "succeeded", "model_arn": arn, "ended_at": clock.stamp()}))
    ledger.release_lease(run)
    arrivals.finish(run, "succeeded")
    bus.announce(
        ModelRegistered(
            project=run.project,
            run_id=run.id,
            model_arn=arn,
            uri=model.uri,
            loss_before=model.loss_before,
            loss_after=model.loss_after,
        )
    )
    return model
