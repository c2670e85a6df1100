"""The runs and uploads of projects, as people ask for them: the rows that the places point to, read now."""

from dropforge.adapters import ledger, parameters, places, waits
from dropforge.domain.callers import may_see, require_viewer
from dropforge.domain.rosters import Line, Pointer, Roster, ToList, cut, of_run, of_upload, wanted


def read(asked: ToList) -> Roster:
    """Return the newest lines of the caller's projects. Raises InvalidInput (NotAMember) for a project of others."""
    lines: list[Line] = []
    rest: list[str] = []
    for project in _projects(asked):
        found, more = _of_project(project, asked)
        lines += found
        rest += [more] if more else []
    return cut(lines, asked.limit, rest)


def _projects(asked: ToList) -> list[str]:
    if asked.project:
        require_viewer(parameters.project(asked.project), asked.caller)
        return [asked.project]
    return [project.name for project in parameters.projects() if may_see(project, asked.caller)]


def _of_project(project: str, asked: ToList) -> tuple[list[Line], str]:
    """Return lines that were asked for, and from where there may be more."""
    pointers = places.newest(project, asked.before)
    lines: list[Line] = []
    for pointer in pointers:
        if pointer.at < asked.since:
            return lines, ""
        line = _line(pointer)
        if line is not None and wanted(line, asked):
            lines.append(line)
        if len(lines) > asked.limit:
            return lines, ""  # one more than can be shown says that there is more
    return lines, pointers[-1].place if len(pointers) == places.LOOKED_AT else ""


def _line(pointer: Pointer) -> Line | None:
    if pointer.kind == "upload":
        arrival = ledger.arrival_by_id(pointer.id)
        return of_upload(pointer, arrival) if arrival is not None else None
    run = ledger.run(pointer.id)
    if run is None:
        return None
    progress = waits.progress(run.id) if run.status == "running" else None
    ended = run.status in ("failed", "cancelled")
    arrival = ledger.arrival(run.upload) if ended else None
    return of_run(pointer, run, arrival, progress)
