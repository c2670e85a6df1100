"""How a run ends with a model: the terminal status first, and only by the execution that still holds the run."""

from dropforge.adapters import arrivals, clock, ledger, registry
from dropforge.domain.runs import Run
from dropforge.errors import Conflict


def record(run: Run, arn: str) -> None:
    """Write that an attempt has its model and give its lease back.

    Raises Conflict (RunOver) when the run has ended otherwise or was cancelled meanwhile; the package is then marked as rejected.
    """
    done = run.model_copy(update={"status": "succeeded", "model_arn": arn, "ended_at": clock.stamp()})
    if not ledger.end(done):
        now = ledger.run(run.id)
        if now is None or (now.status, now.execution, now.model_arn) != ("succeeded", run.execution, arn):
            status = "gone" if now is None else "being cancelled" if now.cancellation else now.status
            registry.reject(arn, f"Run {run.id}, attempt {run.attempt}, is {status}.")
            raise Conflict("RunOver", f"Run `{run.id}` is {status} already.", {"run": run.id, "model": arn})
    ledger.release_lease(run)
    arrivals.advance(run.upload, run.execution, "succeeded", run.id)
