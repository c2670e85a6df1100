"""The manifests of a plan: every job of its run's first attempt, in order, as SubmitJob would render them.

What only an upload knows (where its listing lies, and the listing's digest) has a placeholder, so a plan before the drop and one after it agree.
"""

from dropforge.domain.attempts import first
from dropforge.domain.clusters import Cluster, Image, Project
from dropforge.domain.datasets import Dataset
from dropforge.domain.drafts import NO_SHA256, Draft, anonymous
from dropforge.domain.jobs import render
from dropforge.domain.plans import Place, Plan, plan
from dropforge.domain.prices import Prices
from dropforge.domain.recipes import Recipe
from dropforge.domain.requests import RunRequest
from dropforge.domain.values import Slug, Value, digest

Manifest = dict[str, object]


def draw(plan: Plan, dataset: Dataset) -> tuple[Manifest, ...]:
    """Return the jobs of a plan. Raises InvalidInput (BadRunRequest) for a placeholder that the recipe got wrong."""
    of = anonymous(dataset)
    run = first(plan, of.upload, execution="", at="")
    return tuple(render(plan, of, run, step) for step in plan.steps)


def sha256(manifests: tuple[Manifest, ...]) -> str:
    """Return the digest of manifests, 64 hex."""
    return digest(manifests)


class Site(Value):
    """What manifests say of a deployment, a cluster and a project. What is not given stands in for it, and is recognised by it.

    `step_image` is the image of every step that names one of its own.
    """

    environment: Slug = "environment"
    project: Slug = "project"
    dataset: Slug = "dataset"
    team: Slug = "team"
    image: str = f"registry.invalid/image@sha256:{NO_SHA256}"
    step_image: str = f"registry.invalid/step-image@sha256:{NO_SHA256}"
    claim: str = "claim"
    mount_path: str = "/fsx"
    scratch_path: str = "/tmp"  # noqa: S108  a path inside the container
    small_instance_type: str = ""

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """The fields that nobody has given."""
        return tuple(name for name in type(self).model_fields if name not in self.model_fields_set)

    def place(self, recipe: Recipe) -> Place:
        """Return where a run would go."""
        given = self.model_dump(include={"claim", "mount_path", "scratch_path", "small_instance_type"})
        free = _free(recipe, self.small_instance_type)
        elsewhere = dict.fromkeys(("eks_name", "reader_role", "writer_role", "file_system"), "")
        cluster = Cluster(name="cluster", prices=free, **elsewhere, **given)
        own = {name: Image(uri=self.step_image, inputs="") for name in recipe.step_images}
        return Place(self.environment, cluster, Image(uri=self.image, inputs=""), own)


def _free(recipe: Recipe, small: str) -> Prices:
    """Return a table in which nothing costs anything: what a job looks like does not depend on its price."""
    return Prices(as_of="1970-01-01", usd_per_hour=dict.fromkeys((*recipe.instance_types, small), 0.0))


def sketch(recipe: Recipe, request: RunRequest, site: Site) -> tuple[Manifest, ...]:
    """Return the jobs of a recipe for a dataset that suits it, whatever it holds. Raises InvalidInput or QuotaExceeded as PlanRun does."""
    rows = 10**9  # enough for any batch
    sizes = {"rows": rows, "train_rows": rows, "bytes": rows, "files": 1, "longest_bytes": 0, "longest_at": ""}
    dataset = Draft.model_validate({"digest": NO_SHA256, "kind": recipe.kinds[0], **sizes})
    project = Project(name=site.project, team=site.team, cluster="cluster")
    meant = dataset.dataset(site.project, site.dataset)
    return draw(plan(meant, request, recipe, project, site.place(recipe)), meant)
