"""Plan a run: decide everything that can be decided before anything costs money."""

from dropforge.adapters import parameters, recipes, requests, settings, timeline
from dropforge.domain.events import RunPlanned
from dropforge.domain.inputs import ToPlan
from dropforge.domain.plans import Place, Plan, plan
from dropforge.task import task


@task
def handler(to_plan: ToPlan) -> Plan:
    dataset = to_plan.dataset
    request = requests.read(dataset.upload.bucket, dataset.project, to_plan.run)
    recipe = recipes.read(request.recipe)
    project = parameters.project(dataset.project)
    place = Place(settings.environment(), parameters.cluster(project.cluster), parameters.image(recipe.image))
    made = plan(dataset, request, recipe, project, place)
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
