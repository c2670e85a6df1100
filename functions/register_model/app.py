"""Register a verified checkpoint as a model package, end the run and give its lease back."""

from dropforge.adapters import clock, code, passports, recalls, registry, successes, timeline
from dropforge.domain.events import ModelRegistered
from dropforge.domain.inputs import ToRegister
from dropforge.domain.models import Model, describe, package, registration
from dropforge.domain.passports import METRICS, issue
from dropforge.task import task


@task
def handler(to_register: ToRegister) -> Model:
    plan, run, dataset, checkpoint = to_register.plan, to_register.run, to_register.dataset, to_register.checkpoint
    recalls.require_none(run.project, dataset.digest)
    passport = passports.keep(issue(plan, run, dataset, checkpoint, code.running(), to_register.verdict))
    group = registry.ensure_group(run.project, run.dataset)
    described = package(passport, plan, run, passports.uri(passport, METRICS))
    arn = registry.find_of_run(run) or registry.register(group, described)
    model = describe(arn, group, run, checkpoint, passport.digest)
    successes.record(run, registration(model, passport, run, clock.stamp()))
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
