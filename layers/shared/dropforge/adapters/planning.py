"""Planning a dataset's run from what the deployment knows: defaults, recipe, project, cluster, image. It writes nothing."""

from dropforge.adapters import parameters, recipes, requests, settings
from dropforge.domain.datasets import Dataset
from dropforge.domain.plans import Place, Plan, plan
from dropforge.domain.uploads import RunBlock


def make(bucket: str, dataset: Dataset, own: RunBlock) -> Plan:
    """Return what a dataset's run would do; `bucket` is the one that holds the project's run.yaml. Raises InvalidInput, NotFound, QuotaExceeded."""
    request = requests.read(bucket, dataset.project, own)
    recipe = recipes.read(request.recipe)
    project = parameters.project(dataset.project)
    images = {name: parameters.image(name) for name in recipe.step_images}
    place = Place(settings.environment(), parameters.cluster(project.cluster), parameters.image(recipe.image), images)
    return plan(dataset, request, recipe, project, place)
