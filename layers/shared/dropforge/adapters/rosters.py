"""The runs and uploads of a project, in the order in which they came.

PROJECT#<project>    <at>#<kind>#<id>    a pointer to a RUN or an UPLOAD, written with it and never changed
"""

from dropforge.adapters import parameters, table
from dropforge.adapters.table import Change
from dropforge.domain.callers import may_see, require_viewer
from dropforge.domain.rosters import Line, Pointer, Roster, ToList, cut, of_run, of_upload, wanted
from dropforge.domain.runs import Arrival, Progress, Run

LOOKED_AT = 100  # pointers of a project that one question follows: what a filter leaves out is read, too


def pointing(project: str, pointer: Pointer) -> Change:
    """Return the change that gives a run or an upload its place."""
    return Change(f"PROJECT#{project}", pointer.place, pointer)


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
    pointers = table.newest(f"PROJECT#{project}", asked.before, LOOKED_AT, Pointer)
    lines: list[Line] = []
    for pointer in pointers:
        if pointer.at < asked.since:
            return lines, ""
        line = _line(pointer)
        if line is not None and wanted(line, asked):
            lines.append(line)
        if len(lines) > asked.limit:
            return lines, ""  # one more than can be shown says that there is more
    return lines, pointers[-1].place if len(pointers) == LOOKED_AT else ""


def _line(pointer: Pointer) -> Line | None:
    if pointer.kind == "upload":
        arrival = table.get(f"UPLOAD#{pointer.id}", "UPLOAD", Arrival)
        return of_upload(pointer, arrival) if arrival is not None else None
    run = table.get(f"RUN#{pointer.id}", "RUN", Run)
    if run is None:
        return None
    progress = table.get(f"RUN#{run.id}", "PROGRESS", Progress) if run.status == "running" else None
    ended = run.status in ("failed", "cancelled")
    arrival = table.get(f"UPLOAD#{run.upload.id}", "UPLOAD", Arrival) if ended else None
    return of_run(pointer, run, arrival, progress)
