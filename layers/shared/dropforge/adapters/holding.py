"""Whether a run is still an execution's own, asked after something was started for it; and whether nothing holds it any more.

A stopped execution does not stop the function that it has just called: what that function starts after everything was read gone would stay.
Whoever ends a run writes it down before it looks for what is left, so one look at the run afterwards is enough.
"""

from collections.abc import Callable

from dropforge.adapters import ledger, waits
from dropforge.domain.runs import Run, Wait
from dropforge.errors import Conflict, NotReady


def keep_or_undo(run: Run, wait: Wait, undo: Callable[[], None]) -> None:
    """Keep what was started for a run that is still held; otherwise undo it. Raises Conflict (RunOver) then."""
    now = ledger.run(run.id)
    held = now is not None and (now.attempt, now.execution, now.status) == (run.attempt, run.execution, "running")
    if now is not None and held and now.cancellation is None:
        return
    undo()
    waits.end(wait)
    status = "gone" if now is None else "being cancelled" if now.cancellation else now.status
    raise Conflict("RunOver", f"Run `{run.id}` is {status}; what was started for it was undone.", {"run": run.id})


def require_gone(before: Run) -> None:
    """Two attempts share the run's checkpoints, so nothing of the first may be left when the second starts. Raises NotReady (StillEnding)."""
    if ledger.lease(before) is not None:
        why = f"Attempt {before.attempt} of `{before.id}` has ended, but a read has not yet found its jobs gone."
        raise NotReady("StillEnding", why, {"run": before.id, "attempt": before.attempt})
