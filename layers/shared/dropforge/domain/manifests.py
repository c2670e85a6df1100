"""The manifests of a plan: every job of its run's first attempt, in order, as SubmitJob would render them.

What only an upload knows (where its listing lies, and the listing's digest) has a placeholder, so a plan before the drop and one after it agree.
"""

from dropforge.domain.attempts import first
from dropforge.domain.datasets import Dataset
from dropforge.domain.drafts import anonymous
from dropforge.domain.jobs import render
from dropforge.domain.plans import Plan
from dropforge.domain.values import digest

Manifest = dict[str, object]


def draw(plan: Plan, dataset: Dataset) -> tuple[Manifest, ...]:
    """Return the jobs of a plan. Raises InvalidInput (BadRunRequest) for a placeholder that the recipe got wrong."""
    of = anonymous(dataset)
    run = first(plan, of.upload, execution="", at="")
    return tuple(render(plan, of, run, step) for step in plan.steps)


def sha256(manifests: tuple[Manifest, ...]) -> str:
    """Return the digest of manifests, 64 hex."""
    return digest(manifests)
