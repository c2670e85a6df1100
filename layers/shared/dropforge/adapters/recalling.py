"""Recalling a dataset, and lifting that: first the row that forbids, then the models that are there. Otherwise one could come in between.

A registration checks the row in the transaction that makes its model findable, so either that fails, or the recall finds the model. Everything here
can be done again after it died half-way: a mark is written before a package is changed, and forgotten after it was changed back.
"""

from collections.abc import Callable, Iterator

from dropforge.adapters import approvals, clock, contents, ledger, recalls, registry, timeline
from dropforge.adapters.contents import Content
from dropforge.domain.events import ModelRecalled, ModelRestored
from dropforge.domain.models import Registration
from dropforge.domain.recalls import REJECTED, Mark, Recall, Recalled, ToRecall, Touched, mark, restores


def recall(wanted: ToRecall, found: list[Content]) -> Recalled:
    """Forbid models of these contents, and mark those that are there. Asking again changes nothing that is done, and goes on with the rest."""
    work = [model for content in found for model in _forbid(content, wanted)]
    return _answer(wanted, found, _each(work, _mark))


def _forbid(content: Content, wanted: ToRecall) -> list[Registration]:
    row = Recall(
        project=content.project,
        content=content.digest,
        dataset_id=content.dataset_id,
        by=wanted.caller,
        reason=wanted.reason,
        at=clock.stamp(),
    )
    contents.record_recall(row)
    return contents.models(content.project, content.digest)


def _mark(model: Registration) -> Touched:
    recall, now = recalls.standing(model.project, model.content), registry.standing(model.arn)
    if recall is None or now.approval == "Deleted":  # lifted meanwhile, or nothing to deploy
        return _touched(model)
    remembered = contents.record_mark(model, mark(model.arn, model.run_id, recall, now))
    if not now.recalled or (remembered.changed and now.approval != REJECTED):
        registry.mark_recalled(remembered, recall.at)
    told = ModelRecalled(
        project=model.project,
        run_id=model.run_id,
        attempt=model.attempt,
        model_arn=model.arn,
        dataset_id=model.dataset_id,
        approval_before=remembered.before.approval,
    )
    timeline.tell_of_run(model.run_id, told, recall.by, recall.reason)
    return _touched(model)


def lift(wanted: ToRecall, found: list[Content]) -> Recalled:
    """Allow models of these contents again, and give back to each package what the recall took and nobody has changed since."""
    for content in found:
        _allow(content, wanted)
    work = [model for content in found for model in contents.models(content.project, content.digest)]
    return _answer(wanted, found, _each(work, lambda model: _unmark(model, wanted)))


def _allow(content: Content, wanted: ToRecall) -> None:
    row = recalls.standing(content.project, content.digest)
    if row is not None:
        said = {"lifted_by": wanted.caller, "lifted_reason": wanted.reason, "lifted_at": clock.stamp()}
        contents.record_lift(row.model_copy(update=said))


def _unmark(model: Registration, wanted: ToRecall) -> Touched:
    mine = next((m for m in contents.marks(model.project, model.content) if m.arn == model.arn), None)
    if mine is None:
        return _touched(model)
    kept = _restore(mine)
    if mine.changed and not kept:
        approvals.give_back(model.run_id, model.arn)
    told = ModelRestored(
        project=model.project,
        run_id=model.run_id,
        attempt=model.attempt,
        model_arn=model.arn,
        dataset_id=model.dataset_id,
        kept=kept,
    )
    timeline.tell_of_run(model.run_id, told, wanted.caller, wanted.reason)
    contents.forget_mark(model.project, model.content, model.run_id, model.attempt)
    return _touched(model, kept=kept)


def _restore(mine: Mark) -> bool:
    """Change a package back. Returns True when somebody has decided since, so that its approval was left alone."""
    now = registry.standing(mine.arn)
    restore = restores(mine, now)
    if now.recalled or restore:
        registry.unmark_recalled(mine, restore=restore)
    return mine.changed and not restore and now.approval != mine.before.approval


def _each(models: list[Registration], follow: Callable[[Registration], Touched]) -> list[Touched]:
    """Return what became of each. An error is raised once the others have had their turn, and asking again goes on."""
    touched: list[Touched] = []
    failed: list[Exception] = []
    for model in models:
        try:
            touched.append(follow(model))
        except Exception as error:  # noqa: BLE001  raised once everybody has had their turn
            failed.append(error)
    if failed:
        raise failed[0]
    return touched


def _touched(model: Registration, *, kept: bool = False) -> Touched:
    now = registry.standing(model.arn)
    return Touched(arn=model.arn, run_id=model.run_id, dataset_id=model.dataset_id, approval=now.approval, kept=kept)


def _answer(wanted: ToRecall, found: list[Content], touched: list[Touched]) -> Recalled:
    datasets = {name for content in found for name in contents.datasets(content.project, content.digest)}
    return Recalled(
        subject=wanted.subject,
        lifted=wanted.lift,
        datasets=tuple(sorted(datasets)),
        models=tuple(touched),
        running=tuple(running(found)),
    )


def running(found: list[Content]) -> Iterator[str]:
    """Yield the runs that learn from these contents now."""
    for content in found:
        for run_id in contents.runs(content.project, content.digest):
            run = ledger.run(run_id)
            if run is not None and run.status == "running":
                yield run_id
