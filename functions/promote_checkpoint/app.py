"""Promote a checkpoint: ask FSx for Lustre to write the run's model to the models bucket; the token is answered when it has."""

from dropforge.adapters import filesystem, holding, waits
from dropforge.domain.inputs import Asked, ToPromote
from dropforge.domain.plans import model_folder
from dropforge.domain.waiting import for_task
from dropforge.task import task


@task
def handler(to_promote: ToPromote) -> Asked:
    plan, run = to_promote.plan, to_promote.run
    wait = for_task(run, "export", to_promote.token)
    waits.add(wait)
    folder = model_folder(run.project, run.id, run.attempt)
    task_id = filesystem.start_export(plan.cluster.file_system, [folder], wait.name)
    waits.update(wait.model_copy(update={"reference": task_id}))
    holding.keep_or_undo(run, wait, lambda: filesystem.cancel(task_id))
    return Asked(name=wait.name, reference=task_id)
