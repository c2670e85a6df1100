"""A preview: a dataset's plan beside what the ledger and the cluster say of it now. Nothing is written, and the cluster need not answer."""

from dropforge.adapters import aws, connections, content, planning, queues, recalls, settings
from dropforge.domain import manifests
from dropforge.domain.datasets import Dataset
from dropforge.domain.fits import Fit, need_of
from dropforge.domain.forecasts import judge
from dropforge.domain.manifests import Manifest
from dropforge.domain.plans import Plan
from dropforge.domain.previews import Preview, PreviewedStep, ToPreview, price_of, reuse_of, together
from dropforge.errors import InvalidInput, QuotaExceeded, Unavailable


def preview(asked: ToPreview) -> Preview:
    """Return what a run would do. Raises what PlanRun and AdmitRun would, and what says that there is no such dataset."""
    dataset = asked.draft.dataset(asked.project, asked.dataset) if asked.draft else content.dataset(asked)
    recalls.require_none(dataset.project, dataset.digest)
    plan = planning.make(settings.datasets_bucket(), dataset, asked.run)
    drawn = manifests.draw(plan, dataset)
    return _preview(plan, dataset, drawn, uploaded=asked.draft is None or content.holds(dataset))


def _preview(plan: Plan, dataset: Dataset, drawn: tuple[Manifest, ...], *, uploaded: bool) -> Preview:
    reuse = reuse_of(plan, content.run_of_identity(plan.identity), content.newest_run(plan.project, plan.dataset))
    fits = _fits(plan, drawn)
    steps = tuple(PreviewedStep(step=step, fit=fit) for step, fit in zip(plan.steps, fits, strict=True))
    return Preview(
        **plan.model_dump(include=Preview.of_plan()),
        cluster=plan.cluster.name,
        uploaded=uploaded,
        rows=dataset.rows,
        steps=steps,
        manifests_sha256=manifests.sha256(drawn),
        reuse=reuse,
        fit=together(fits, reuse),
        price=price_of(plan, reuse),
    )


def _fits(plan: Plan, drawn: tuple[Manifest, ...]) -> list[Fit]:
    """Ask the cluster, and say why when it does not answer."""
    try:
        with aws.translated():
            found = queues.read(connections.connect(plan.cluster, "reader"), plan.team)
    except (Unavailable, InvalidInput, QuotaExceeded) as problem:
        why = f"{problem.failure.what} {problem.failure.why}"
        return [Fit(answer="unknown", why=why)] * len(drawn)
    return [judge(found, plan.team, need_of(job)) for job in drawn]
