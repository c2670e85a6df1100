"""Whether a content is recalled: what everything asks before a model is made, registered or approved. `recalling.py` makes and lifts recalls."""

from dropforge.adapters import contents
from dropforge.domain.recalls import Recall
from dropforge.domain.runs import Run


def standing(project: str, digest: str) -> Recall | None:
    """Return the recall that forbids models of a content, or None."""
    found = contents.recall(project, digest)
    return found if found is not None and found.stands else None


def require_none(project: str, digest: str) -> None:
    """Raise Conflict (DatasetRecalled) when a content is recalled."""
    found = standing(project, digest)
    if found is not None:
        raise found.refusal()


def of_run(run: Run) -> Recall | None:
    """Return the recall that forbids a run's model, or None: what an approval asks."""
    digest = run.ingredients.get("dataset")
    return standing(run.project, digest) if isinstance(digest, str) else None
