"""What was learned from which content: rows by which models are found from their data, however many others there are.

CONTENT#<project>/<digest>    DATASET#<dataset id>        a dataset version that has this content
CONTENT#<project>/<digest>    RUN#<run id>                a run that learns or has learned from it
CONTENT#<project>/<digest>    MODEL#<run id>#<attempt>    a model that was registered
CONTENT#<project>/<digest>    RECALL                      its newest recall
CONTENT#<project>/<digest>    MARK#<run id>#<attempt>     what a recall has changed of a model, until it is lifted
VERSIONS#<project>/<dataset>  <version>                   the content of a dataset's version
PLACE#<bucket>/<place>        <upload id>                 the content of an upload; its place is the file, or the folder of its manifest
MODEL#<arn>                   MODEL                       the same model, by its package
MODELS#<project>              <at>#<run id>#<attempt>     where a model stands in its project's order

Each is written before what it leads to can be seen, or in one transaction with it, and never changed; recalls and marks alone are.
"""

from collections.abc import Iterator

from dropforge.adapters import table
from dropforge.adapters.table import Change, Check, Condition
from dropforge.domain.datasets import Dataset, Listing
from dropforge.domain.models import Registration
from dropforge.domain.recalls import Mark, Recall
from dropforge.domain.runs import Run
from dropforge.domain.uploads import MANIFEST, folder
from dropforge.domain.values import Value

LOOKED_AT = 100  # models of a project that one question follows
_STANDS = "stands"
_LIFTED = "lifted"
_FREE = Condition("attribute_not_exists(pk) OR #state = :lifted", {"lifted": _LIFTED}, {"#state": "state"})


class Content(Value):
    """What has this content: a dataset version, an upload (then with its listing), or a run."""

    project: str
    digest: str
    dataset_id: str = ""
    listing: Listing | None = None
    run_id: str = ""


class ModelPlace(Value):
    """Where a model's row is."""

    place: str
    digest: str
    run_id: str
    attempt: int


def record(dataset: Dataset) -> None:
    """Write by what a dataset's version, and the upload that it was read from, can be found."""
    content = Content(project=dataset.project, digest=dataset.digest, dataset_id=dataset.id)
    upload = content.model_copy(update={"listing": dataset.listing})
    table.change(
        Change(_of(content.project, content.digest), f"DATASET#{dataset.id}", content),
        Change(f"VERSIONS#{dataset.project}/{dataset.name}", dataset.digest[:12], content),
        Change(f"PLACE#{dataset.upload.bucket}/{_place(dataset.upload.key)}", dataset.upload.id, upload),
    )


def _of(project: str, digest: str) -> str:
    return f"CONTENT#{project}/{digest}"


def _place(key: str) -> str:
    return folder(key) if key.endswith(f"/{MANIFEST}") else key


def at(bucket: str, key: str) -> list[Content]:
    """Return the uploads that an object may belong to: those of which it is the file, and those whose folder it lies in."""
    places = dict.fromkeys((key, "/".join(key.split("/")[:4]) + "/"))
    return [found for place in places for found in table.query(f"PLACE#{bucket}/{place}", "", Content)]


def versions(project: str, dataset: str, version: str = "") -> list[Content]:
    """Return what a dataset's versions hold; one of them when `version` says which."""
    return list(table.query(f"VERSIONS#{project}/{dataset}", version, Content))


def datasets(project: str, digest: str) -> list[str]:
    """Return the ids of the dataset versions that have a content."""
    return [found.dataset_id for found in table.query(_of(project, digest), "DATASET#", Content)]


def of_run(run: Run) -> list[Change]:
    """Return the change by which a run is found from its content; none for a run that does not say what it learns from."""
    digest = run.ingredients.get("dataset")
    if not isinstance(digest, str):
        return []
    content = Content(project=run.project, digest=digest, run_id=run.id)
    return [Change(_of(run.project, digest), f"RUN#{run.id}", content)]


def runs(project: str, digest: str) -> list[str]:
    """Return the ids of the runs that learn or have learned from a content."""
    return [found.run_id for found in table.query(_of(project, digest), "RUN#", Content)]


def of_model(model: Registration) -> list[Change | Check]:
    """Return the changes by which a model is found, and the check that its content is not recalled."""
    name = f"{model.run_id}#{model.attempt}"
    place = f"{model.at}#{name}"
    pointer = ModelPlace(place=place, digest=model.content, run_id=model.run_id, attempt=model.attempt)
    return [
        Change(_of(model.project, model.content), f"MODEL#{name}", model),
        Change(f"MODEL#{model.arn}", "MODEL", model),
        Change(f"MODELS#{model.project}", place, pointer),
        Check(_of(model.project, model.content), "RECALL", _FREE),
    ]


def models(project: str, digest: str) -> list[Registration]:
    """Return every model that was made of a content."""
    return list(table.query(_of(project, digest), "MODEL#", Registration))


def model(project: str, digest: str, run_id: str, attempt: int) -> Registration | None:
    """Return the model of a run's attempt."""
    return table.get(_of(project, digest), f"MODEL#{run_id}#{attempt}", Registration)


def by_arn(arn: str) -> Registration | None:
    """Return the model that was registered as a package; None for a package that is not ours, whatever its properties say."""
    return table.get(f"MODEL#{arn}", "MODEL", Registration)


def newest_models(project: str, before: str = "") -> Iterator[tuple[str, Registration]]:
    """Yield a project's newest models below `before`, each with its place, the newest first, at most LOOKED_AT."""
    for pointer in table.newest(f"MODELS#{project}", before, LOOKED_AT, ModelPlace):
        found = model(project, pointer.digest, pointer.run_id, pointer.attempt)
        if found is not None:
            yield pointer.place, found


def recall(project: str, digest: str) -> Recall | None:
    """Return the newest recall of a content, whether it stands or not."""
    return table.get(_of(project, digest), "RECALL", Recall)


def record_recall(recall: Recall) -> bool:
    """Write a recall. Returns False when one stands already: who was first, and why, stays."""
    return table.put(_of(recall.project, recall.content), "RECALL", recall, {"state": _STANDS, "at": recall.at}, _FREE)


def record_lift(recall: Recall) -> bool:
    """Write that a recall is lifted. Returns False when it does not stand any more, or is another one."""
    values: table.Columns = {"stands": _STANDS, "at": recall.at}
    when = Condition("#state = :stands AND #at = :at", values, {"#state": "state", "#at": "at"})
    columns: table.Columns = {"state": _LIFTED, "at": recall.at}
    return table.put(_of(recall.project, recall.content), "RECALL", recall, columns, when)


def marks(project: str, digest: str) -> list[Mark]:
    """Return what a recall has changed and nobody has undone yet."""
    return list(table.query(_of(project, digest), "MARK#", Mark))


def record_mark(model: Registration, mark: Mark) -> Mark:
    """Write down how a package was, before it is changed, and return what was written first."""
    pk, sk = _of(model.project, model.content), f"MARK#{model.run_id}#{model.attempt}"
    if table.put(pk, sk, mark, None, table.ABSENT):
        return mark
    return table.get(pk, sk, Mark) or mark


def forget_mark(project: str, digest: str, run_id: str, attempt: int) -> None:
    """Forget a change that was undone."""
    table.delete(_of(project, digest), f"MARK#{run_id}#{attempt}")
