"""Logs of jobs, kept in the models bucket: pods do not keep them."""

from dropforge.adapters import settings, storage

LINES = 10_000  # of one job

Place = tuple[str, str, int, str]  # project, run id, attempt, step


def key(place: Place) -> str:
    """Return the key of a job's log in the models bucket."""
    project, run_id, attempt, step = place
    return f"logs/{project}/{run_id}/{attempt}/{step}.log"


def keep(place: Place, lines: list[str]) -> str:
    """Write a job's log and return its URI. A job that ended writes the same log again, or a longer one."""
    return storage.write_text(settings.models_bucket(), key(place), "\n".join((*lines, "")))
