"""Models as people ask for them: the rows of the ledger, with their approval read from the registry now."""

from dropforge.adapters import contents, ledger, parameters, passports, recalling, recalls, registry, subjects
from dropforge.domain.callers import may_see, require_viewer
from dropforge.domain.models import Registration
from dropforge.domain.traces import ModelLine, Models, Placed, ToListModels, ToTrace, Trace, cut, line, package_of
from dropforge.errors import NotFound


def listed(asked: ToListModels) -> Models:
    """Return the newest models of the caller's projects. Raises InvalidInput (NotAMember) for a project of others."""
    found: list[Placed] = []
    rest: list[str] = []
    for project in _projects(asked):
        models, more = _of_project(project, asked)
        found += models
        rest += [more] if more else []
    shown, before = cut(found, asked.limit, rest)
    return Models(lines=tuple(_line(model, place) for place, model in shown), before=before)


def _of_project(project: str, asked: ToListModels) -> tuple[list[Placed], str]:
    """Return models that were asked for, and from where there may be more."""
    found: list[Placed] = []
    places: list[str] = []
    for place, model in contents.newest_models(project, asked.before):
        places.append(place)
        if asked.dataset in ("", model.dataset):
            found.append((place, model))
        if len(found) > asked.limit:
            return found, ""  # one more than can be shown says that there is more
    return found, places[-1] if len(places) == contents.LOOKED_AT else ""


def _projects(asked: ToListModels) -> list[str]:
    if asked.project:
        require_viewer(parameters.project(asked.project), asked.caller)
        return [asked.project]
    return [project.name for project in parameters.projects() if may_see(project, asked.caller)]


def _line(model: Registration, place: str = "") -> ModelLine:
    recall = recalls.standing(model.project, model.content)
    return line(model, registry.standing(model.arn).approval, recall.at if recall else "", place)


def traced(asked: ToTrace) -> Trace:
    """Return what a model came from, or which models came of something. Raises NotFound, InvalidInput (NotAMember)."""
    return _backward(asked) if asked.model else _forward(asked)


def _backward(asked: ToTrace) -> Trace:
    run_id, attempt = _run_of(asked.model)
    run = ledger.run(run_id)
    if run is None:
        raise _unknown(asked.model)
    require_viewer(parameters.project(run.project), asked.caller)
    passport = passports.find(run.project, run.id, attempt or run.attempt)
    model = contents.model(run.project, passport.dataset.digest, run.id, passport.attempt) if passport else None
    if passport is None or model is None:
        raise _unknown(asked.model)
    return Trace(
        subject=model.arn,
        models=(_line(model),),
        datasets=(model.dataset_id,),
        passport=passport,
        passport_uri=passports.uri(passport),
    )


def _run_of(reference: str) -> tuple[str, int]:
    """Return a model's run and attempt; 0 for the newest. Raises NotFound (ModelUnknown)."""
    if not package_of(reference):
        return reference, 0
    model = contents.by_arn(registry.arn(reference))
    if model is None:
        raise _unknown(reference)
    return model.run_id, model.attempt


def _unknown(reference: str) -> NotFound:
    return NotFound("ModelUnknown", f"No model is registered as `{reference}`.", {"model": reference})


def _forward(asked: ToTrace) -> Trace:
    require_viewer(parameters.project(subjects.project_of(asked.of)), asked.caller)
    found = subjects.find(asked.of)
    models = [model for content in found for model in contents.models(content.project, content.digest)]
    datasets = {name for content in found for name in contents.datasets(content.project, content.digest)}
    return Trace(
        subject=asked.of,
        models=tuple(_line(model) for model in models),
        datasets=tuple(sorted(datasets)),
        running=tuple(recalling.running(found)),
    )
