"""Who carries out a run: the claim of an attempt with its lease, in one transaction."""

from dropforge.adapters import arrivals, checkpoints, clock, holding, ledger, recalls
from dropforge.domain import attempts
from dropforge.domain.datasets import Dataset
from dropforge.domain.plans import Plan, longest_hours
from dropforge.domain.runs import Admission, Lease, Run, decide
from dropforge.errors import Conflict, Unavailable


def claim(plan: Plan, dataset: Dataset, execution: str) -> Admission:
    """Claim the plan's run for an execution, or say which run it joins.

    Raises Conflict (DatasetRecalled; IdentityCollision; RunOver when somebody has cancelled the upload), NotReady (StillEnding) while something of
    the attempt before is left, Unavailable after a lost race.
    """
    _refuse_cancelled(dataset, execution)
    recalls.require_none(dataset.project, dataset.digest)
    run_id = ledger.run_id_of(plan.identity, plan.run_id)
    existing = ledger.run(run_id)
    decision = decide(existing, plan.identity, execution)
    if decision == "collision":
        raise Conflict("IdentityCollision", f"`{run_id}` stands for another run.", {"run": run_id})
    wanted = attempts.first(plan, dataset.upload, execution, clock.stamp()).model_copy(update={"id": run_id})
    run = existing if existing is not None and decision != "retry" else _claim(wanted, existing, plan)
    joined = decision == "join"
    arrivals.advance(dataset.upload, execution, "joined" if joined else "running", run.id)
    checkpoint = None if joined else checkpoints.verify_again(run)
    return Admission(run=run, joined=joined, checkpoint=checkpoint)


def _refuse_cancelled(dataset: Dataset, execution: str) -> None:
    arrival = ledger.arrival(dataset.upload)
    if arrival is not None and arrival.execution == execution and arrival.cancellation is not None:
        raise Conflict("RunOver", arrival.cancellation.failure().why, {"execution": execution})


def _claim(run: Run, before: Run | None, plan: Plan) -> Run:
    if before is None:
        won = ledger.claim(run, _lease(run, plan))
    else:
        holding.require_gone(before)
        run = run.model_copy(update={"attempt": before.attempt + 1})
        won = ledger.claim_next(run, _lease(run, plan))
    if not won:
        raise Unavailable("AwsBusy", f"Another execution claimed `{run.id}` at the same moment, or it was cancelled.")
    return run


def _lease(run: Run, plan: Plan) -> Lease:
    return Lease(
        run_id=run.id,
        attempt=run.attempt,
        owner=f"{run.id}#{run.attempt}",
        purpose=f"jobs of run {run.id} on cluster {run.cluster}",
        cluster=run.cluster,
        expires_at=clock.later(longest_hours(plan)),
        price_usd=run.price_usd,
    )
