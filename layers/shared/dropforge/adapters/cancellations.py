"""Cancelling: the wish is written down first, then the execution is stopped. What it held is deleted by whoever hears of its end."""

from dropforge.adapters import clock, ledger, machine
from dropforge.domain.callers import Order
from dropforge.domain.inputs import Cancelled
from dropforge.domain.runs import OPEN, TERMINAL, Arrival, Cancellation, Run


def cancel(meant: Run | Arrival, order: Order) -> Cancelled:
    """Stop a run, or an upload that is not one yet; what is over already is left as it is."""
    return _cancel_run(meant, order) if isinstance(meant, Run) else _cancel_upload(meant, order)


def _cancel_run(run: Run, order: Order) -> Cancelled:
    wish = run.cancellation or _wish(order)
    over = run.status in TERMINAL or (run.cancellation is None and not ledger.cancel(run, wish))
    if not over:
        machine.stop(run.execution, wish.failure())
    return Cancelled(run_id=run.id, execution=run.execution, attempt=run.attempt, already_over=over)


def _cancel_upload(arrival: Arrival, order: Order) -> Cancelled:
    over = arrival.status not in OPEN
    if not over:
        machine.stop(arrival.execution, _wish(order).failure())
    return Cancelled(execution=arrival.execution, already_over=over)


def _wish(order: Order) -> Cancellation:
    return Cancellation(by=order.caller, reason=order.reason, at=clock.stamp())
