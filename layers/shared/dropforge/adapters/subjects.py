"""What people mean by the name of data, found in the ledger: the contents that a dataset, an object or a run stands for."""

from dropforge.adapters import contents, ledger, listings
from dropforge.adapters.contents import Content
from dropforge.domain.runs import Run
from dropforge.domain.traces import Subject, read_subject
from dropforge.domain.uploads import MANIFEST
from dropforge.errors import NotFound


def project_of(text: str) -> str:
    """Return the project that owns what a person means. Raises NotFound (DataUnknown) for a run that nobody knows."""
    subject = read_subject(text)
    return subject.project or _run(subject.run_id).project


def find(text: str) -> list[Content]:
    """Return the contents that a person means, each once. Raises NotFound (DataUnknown) when there are none."""
    subject = read_subject(text)
    if subject.bucket:
        found = [content for content in contents.at(subject.bucket, subject.key) if _holds(content, subject)]
    elif subject.run_id:
        found = _of_run(_run(subject.run_id))
    else:
        found = contents.versions(subject.project, subject.dataset, subject.version)
    if not found:
        raise NotFound("DataUnknown", f"`{text}` names no dataset that was believed.", {"subject": text})
    return list({content.digest: content for content in found}.values())


def _run(run_id: str) -> Run:
    run = ledger.run(run_id)
    if run is None:
        raise NotFound("DataUnknown", f"`{run_id}` is no dataset, no object and no run.", {"subject": run_id})
    return run


def _of_run(run: Run) -> list[Content]:
    digest = run.ingredients.get("dataset")
    if not isinstance(digest, str):
        return []
    return [Content(project=run.project, digest=digest, dataset_id=run.dataset_id)]


def _holds(content: Content, subject: Subject) -> bool:
    """Whether an upload holds an object, in the version that is meant. Its manifest stands for all of it."""
    if subject.key.endswith(f"/{MANIFEST}"):
        return True
    files = listings.read(content.listing).files if content.listing is not None else ()
    return any(file.key == subject.key and subject.version in ("", file.version_id) for file in files)
