"""Stage a dataset: ask FSx for Lustre to bring its files in; the state's token is answered when they are there."""

from dropforge.adapters import file_system_turns
from dropforge.domain.file_systems import FileSystemTask
from dropforge.domain.inputs import Asked, ToStage
from dropforge.task import task


@task
def handler(to_stage: ToStage) -> Asked:
    plan = to_stage.plan
    wanted = FileSystemTask(file_system=plan.cluster.file_system, kind="import", paths=plan.sources)
    return file_system_turns.ask(to_stage.run, wanted, to_stage.token)
