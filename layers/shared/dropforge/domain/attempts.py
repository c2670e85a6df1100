"""A run's first attempt, as its plan says it: what is claimed in the ledger, and what manifests are drawn for before anything is claimed."""

from dropforge.domain.plans import Plan
from dropforge.domain.runs import Run
from dropforge.domain.uploads import Upload


def first(plan: Plan, upload: Upload, execution: str, at: str) -> Run:
    """Return the first attempt of a plan's run, held by an execution since `at` (RFC 3339)."""
    return Run(
        id=plan.run_id,
        identity=plan.identity,
        project=plan.project,
        dataset=plan.dataset,
        dataset_id=plan.dataset_id,
        team=plan.team,
        cluster=plan.cluster.name,
        attempt=1,
        status="running",
        execution=execution,
        upload=upload,
        recipe=plan.recipe,
        price_usd=plan.price_usd,
        started_at=at,
        request={**plan.request.model_dump(mode="json"), "parameters": dict(plan.parameters)},
        ingredients=plan.ingredients,
    )
