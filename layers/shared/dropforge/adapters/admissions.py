"""Who carries out a run: the claim of an attempt, by conditional write, and its lease."""

from dropforge.adapters import clock, ledger
from dropforge.domain.datasets import Dataset
from dropforge.domain.plans import QUEUE_CEILING_HOURS, Plan
from dropforge.domain.runs import Admission, Arrival, Lease, Run, decide
from dropforge.errors import Conflict, Unavailable


def claim(plan: Plan, dataset: Dataset, execution: str) -> Admission:
    """Claim the plan's run for an execution, or say which run it joins. Raises Conflict (IdentityCollision), Unavailable after a lost race."""
    run_id = ledger.run_id_of(plan.identity, plan.run_id)
    existing = ledger.run(run_id)
    match decide(existing, plan.identity, execution):
        case "collision":
            raise Conflict("IdentityCollision", f"`{run_id}` stands for another run.", {"run": run_id})
        case "claim":
            run = _attempt(plan, dataset, execution, (run_id, 1))
            ledger.name_execution(run)
            won = ledger.claim(run)
        case "retry":
            assert existing is not None  # noqa: S101  `retry` is only said of an existing run
            run = _attempt(plan, dataset, execution, (run_id, existing.attempt + 1))
            ledger.name_execution(run)
            won = ledger.claim_next(run)
        case "again":
            assert existing is not None  # noqa: S101
            return _answer(existing, dataset, execution, joined=False)
        case "join":
            assert existing is not None  # noqa: S101
            return _answer(existing, dataset, execution, joined=True)
    if not won:
        raise Unavailable("AwsBusy", f"Another execution claimed `{run_id}` at the same moment.")
    return _answer(run, dataset, execution, joined=False)


def _attempt(plan: Plan, dataset: Dataset, execution: str, number: tuple[str, int]) -> Run:
    return Run(
        id=number[0],
        identity=plan.identity,
        project=plan.project,
        dataset=plan.dataset,
        dataset_id=plan.dataset_id,
        team=plan.team,
        cluster=plan.cluster.name,
        attempt=number[1],
        status="running",
        execution=execution,
        upload=dataset.upload,
        recipe=plan.recipe,
        price_usd=plan.price_usd,
        started_at=clock.stamp(),
    )


def _answer(run: Run, dataset: Dataset, execution: str, *, joined: bool) -> Admission:
    if not joined:
        ledger.write_lease(
            run,
            Lease(
                owner=f"{run.id}#{run.attempt}",
                purpose=f"jobs of run {run.id} on cluster {run.cluster}",
                expires_at=clock.later(QUEUE_CEILING_HOURS * 2),
                price_usd=run.price_usd,
            ),
        )
    ledger.record_arrival(
        Arrival(
            upload=dataset.upload,
            project=run.project,
            dataset=run.dataset,
            execution=execution,
            status="joined" if joined else "running",
            at=clock.stamp(),
            run_id=run.id,
        )
    )
    return Admission(run=run, joined=joined)
