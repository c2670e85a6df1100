"""Stage a dataset: ask FSx for Lustre to bring its files in; the state's token is answered when they are there."""

from dropforge.adapters import filesystem, holding, waits
from dropforge.domain.inputs import Asked, ToStage
from dropforge.domain.waiting import for_task
from dropforge.task import task


@task
def handler(to_stage: ToStage) -> Asked:
    plan, run = to_stage.plan, to_stage.run
    wait = for_task(run, "import", to_stage.token)
    waits.add(wait)
    task_id = filesystem.start_import(plan.cluster.file_system, list(plan.sources), wait.name)
    waits.update(wait.model_copy(update={"reference": task_id}))
    holding.keep_or_undo(run, wait, lambda: filesystem.cancel(task_id))
    return Asked(name=wait.name, reference=task_id)
