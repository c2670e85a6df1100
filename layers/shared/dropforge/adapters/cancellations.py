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
    """Stop an upload's execution; one that has become a run meanwhile as that. What is not the upload's own has no row for the wish."""
    if arrival.status not in OPEN:
        return Cancelled(execution=arrival.execution, already_over=True)
    wish = arrival.cancellation or _wish(order)
    if arrival.cancellation is None and not ledger.cancel_arrival(arrival, wish):
        run, now = ledger.run_of(arrival.execution), ledger.arrival(arrival.upload)
        if run is not None and run.execution == arrival.execution:
            return _cancel_run(run, order)
        if now is not None and now.execution == arrival.execution:
            return Cancelled(execution=arrival.execution, already_over=True)
    machine.stop(arrival.execution, wish.failure())
    return Cancelled(execution=arrival.execution)


def _wish(order: Order) -> Cancellation:
    return Cancellation(by=order.caller, reason=order.reason, at=clock.stamp())
