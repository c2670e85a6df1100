"""Promote a checkpoint: ask FSx for Lustre to write the verified model to the models bucket; the token is answered when it has."""

from dropforge.adapters import file_system_turns, settings
from dropforge.domain.inputs import Asked, ToPromote
from dropforge.domain.promotions import export
from dropforge.task import task


@task
def handler(to_promote: ToPromote) -> Asked:
    plan, run = to_promote.plan, to_promote.run
    wanted = export(run, plan.cluster.file_system, settings.models_bucket(), to_promote.jobs)
    return file_system_turns.ask(run, wanted, to_promote.token)
