"""How a run ends with a model: the terminal status first, and only by the execution that still holds the run."""

from dropforge.adapters import arrivals, clock, contents, ledger, recalls, registry
from dropforge.domain.models import Registration
from dropforge.domain.runs import Run
from dropforge.errors import Conflict, Unavailable


def record(run: Run, model: Registration) -> None:
    """Write that an attempt has its model, and by what the model is found, in one transaction; then give its lease back.

    Raises Conflict (RunOver) when the run has ended otherwise or was cancelled meanwhile, and Conflict (DatasetRecalled) when what it learned from
    was recalled; the package is then marked as rejected. Raises Unavailable when that was lifted at the same moment.
    """
    done = run.model_copy(update={"status": "succeeded", "model_arn": model.arn, "ended_at": clock.stamp()})
    if not ledger.end(done, *contents.of_model(model)):
        _require_recorded(run, model)
    ledger.release_lease(run)
    arrivals.advance(run.upload, run.execution, "succeeded", run.id)


def _require_recorded(run: Run, model: Registration) -> None:
    now = ledger.run(run.id)
    if now is not None and (now.status, now.execution, now.model_arn) == ("succeeded", run.execution, model.arn):
        return
    recall = recalls.standing(model.project, model.content)
    over = now is None or now.status != "running" or now.cancellation is not None or now.execution != run.execution
    if recall is not None and not over:
        registry.reject(model.arn, recall.refusal().failure.why)
        raise recall.refusal()
    if not over:  # it stood when the transaction was refused, and is lifted now
        raise Unavailable("AwsBusy", f"The recall of what run `{run.id}` has learned from was lifted at this moment.")
    status = "gone" if now is None else "being cancelled" if now.cancellation else now.status
    registry.reject(model.arn, f"Run {run.id}, attempt {run.attempt}, is {status}.")
    raise Conflict("RunOver", f"Run `{run.id}` is {status} already.", {"run": run.id, "model": model.arn})
