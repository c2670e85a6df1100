"""Submit a step as a job: the wait is written first, so that a job never runs unwatched."""

from dropforge import naming
from dropforge.adapters import cluster, connections, holding, incumbents, waits
from dropforge.domain.inputs import Asked, ToSubmit
from dropforge.domain.jobs import render
from dropforge.domain.runs import Progress
from dropforge.domain.waiting import for_job
from dropforge.task import task


@task
def handler(to_submit: ToSubmit) -> Asked:
    plan, run, step = to_submit.plan, to_submit.run, to_submit.step
    incumbent = incumbents.choose(run, step)
    wait = for_job(run, plan, step, to_submit.token)
    waits.add(wait)
    waits.record_progress(run.id, Progress(step=step.name, job=wait.name, phase="new"))
    connection = connections.connect(plan.cluster, "writer")
    cluster.apply(connection, render(plan, to_submit.dataset, run, step, incumbent))
    holding.keep_or_undo(run, wait, lambda: cluster.delete_job(connection, naming.namespace(run.team), wait.name))
    return Asked(name=wait.name)
