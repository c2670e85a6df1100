"""Whose turn it is on a file system. FSx for Lustre runs one data repository task at a time, so a lease decides who may start one.

FILESYSTEM#<id>      TURN                whose task the file system does

Whoever asks takes the turn when it is free; otherwise the watcher passes it on, in the order of asking, when the task before has ended. A turn
whose holder waits no longer is passed on once FSx has no task of it any more.
"""

from collections.abc import Sequence

from dropforge.adapters import clock, filesystem, holding, machine, table, waits
from dropforge.adapters.each import each
from dropforge.adapters.table import Condition
from dropforge.domain.file_systems import FileSystemTask, Turn
from dropforge.domain.inputs import Asked
from dropforge.domain.runs import Progress, Run, Wait
from dropforge.domain.waiting import for_task, in_line
from dropforge.errors import InvalidInput

TURN = "TURN"
STRANGERS = "a task that is not Dropforge's"


def ask(run: Run, task: FileSystemTask, token: str) -> Asked:
    """Ask a file system for a task; it is started now or when its turn comes. Raises Conflict (RunOver), and then nothing is left of it.

    Raises InvalidInput (FileSystemRefused) for what FSx will never do.
    """
    wait = for_task(run, task, token, clock.stamp())
    waits.add(wait)
    reference = _begin(wait, task) if _take(wait, task) else None
    holding.keep_or_undo(run, wait, lambda: cancel(task.file_system, {wait.name}))
    return Asked(name=wait.name, reference=reference or "")


def cancel(file_system: str, names: set[str]) -> None:
    """Cancel the tasks that a file system does for waits of these names, whoever has started them and whether their ids were written down or not."""
    for task in filesystem.find_tasks(file_system, names):
        filesystem.cancel(task)


def go_on(waiting: Sequence[Wait]) -> None:
    """Let every file system that is waited for begin the next task, if it is free, and note for whom the others wait."""
    file_systems = sorted({wait.task.file_system for wait in waiting if wait.task is not None})
    each(file_systems, lambda file_system: _go_on(file_system, in_line(waiting, file_system)))


def _go_on(file_system: str, line: list[Wait]) -> None:
    turn = _held(file_system)
    if turn is None and line:
        turn = _pass_on(file_system, line[0])
    if turn is None:
        return
    first = next((wait for wait in line if wait.name == turn.holder), None)
    if first is not None and first.task is not None:
        _begin_or_end(first, first.task)
    for wait in line:
        if wait is not first:
            _note(wait, f"the {turn.step} of run {turn.run_id}")


def _held(file_system: str) -> Turn | None:
    """Return whose turn it is, as long as something of it is left."""
    turn = table.get(f"FILESYSTEM#{file_system}", TURN, Turn)
    if turn is None or waits.one(turn.cluster, turn.holder) is not None:
        return turn
    if filesystem.find_tasks(file_system, {turn.holder}):
        return turn
    table.delete(f"FILESYSTEM#{file_system}", TURN, _of(turn.holder))
    return None


def _pass_on(file_system: str, wait: Wait) -> Turn | None:
    """Give a free turn to a wait and return whose it is then."""
    if wait.task is not None and _take(wait, wait.task):
        return _turn(wait)
    return table.get(f"FILESYSTEM#{file_system}", TURN, Turn)


def _take(wait: Wait, task: FileSystemTask) -> bool:
    """Take the turn. Returns False while it is somebody else's."""
    free = Condition("attribute_not_exists(pk) OR holder = :holder", {"holder": wait.name})
    return table.put(f"FILESYSTEM#{task.file_system}", TURN, _turn(wait), {"holder": wait.name}, free)


def _turn(wait: Wait) -> Turn:
    return Turn(holder=wait.name, cluster=wait.cluster, run_id=wait.run_id, step=wait.step, since=clock.stamp())


def _of(holder: str) -> Condition:
    return Condition("holder = :holder", {"holder": holder})


def _begin_or_end(wait: Wait, task: FileSystemTask) -> None:
    """Start a wait's task. One that FSx will never take ends here with what FSx says, or it would keep the turn from everybody behind it."""
    try:
        reference = _begin(wait, task)
    except InvalidInput as refusal:
        machine.fail(wait.token, refusal.failure)
        waits.end(wait)
        return
    if reference is None:
        _note(wait, STRANGERS)


def _begin(wait: Wait, task: FileSystemTask) -> str | None:
    """Start a wait's task, or find it started, and return its id: empty when nobody waits for it any more, None while FSx is busy with another."""
    reference = filesystem.start(task, wait.name)
    if reference is None:
        return None
    begun = {"reference": reference, "begun_at": wait.begun_at or clock.stamp(), "phase": "running", "reason": ""}
    if waits.update(wait.model_copy(update=begun)):
        if wait.reason:  # it was told that it waits, and does not any more
            over = Progress(step=wait.step, job=wait.name, phase="done", at=clock.stamp())
            waits.record_progress(wait.run_id, over)
        return reference
    if waits.one(wait.cluster, wait.name) is None:
        filesystem.cancel(reference)
    return ""


def _note(wait: Wait, what: str) -> None:
    """Write for whom a wait waits, once for each reason."""
    reason = f"the file system is busy with {what}"
    if wait.reason == reason:
        return
    if waits.update(wait.model_copy(update={"phase": "queued", "reason": reason})):
        told = Progress(step=wait.step, job=wait.name, phase="queued", reason=reason, at=clock.stamp())
        waits.record_progress(wait.run_id, told)
