"""Traces: a project's models, what one came from, and which came of something.

What is asked is read here; what is known comes from the ledger's rows, a model's passport and the registry.
"""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from pydantic import Field

from dropforge.domain.callers import Asked
from dropforge.domain.models import Registration
from dropforge.domain.passports import Passport
from dropforge.domain.recalls import Approval
from dropforge.domain.uploads import PREFIX
from dropforge.domain.values import Slug, Value
from dropforge.errors import InvalidInput

MOST = 100  # models of one answer
_URI = re.compile(r"^s3://(?P<bucket>[^/]+)/(?P<key>[^?]+)(?:\?versionId=(?P<version>.+))?$")
_NAME = re.compile(r"^(?P<project>[a-z][a-z0-9-]*)/(?P<dataset>[a-z][a-z0-9-]*)(?:/(?P<version>[0-9a-f]{12}))?$")
_PACKAGE = re.compile(r"^(?:arn:[\w-]+:sagemaker:[\w-]+:\d+:model-package/)?(?P<project>[a-z0-9-]+?)--[a-z0-9-]+/\d+$")


class ToListModels(Asked):
    """Which models a person wants to see; empty means any. `before` is where the list before it ended."""

    project: Slug | Literal[""] = ""
    dataset: str = ""
    before: str = ""
    limit: int = Field(default=20, ge=1, le=MOST)


class ToTrace(Asked):
    """The model whose origin a person wants to know (ARN, `group/version` or run id), or `of` what they want to know the models."""

    model: str = Field(default="", max_length=400)
    of: str = Field(default="", max_length=1200)


class ModelLine(Value):
    """One model: where it stands and what it came from. `recalled` is since when, if what it learned from is recalled; empty otherwise."""

    place: str = ""
    arn: str
    project: str
    dataset_id: str
    run_id: str
    attempt: int
    at: str
    recipe: str
    kind: str
    uri: str
    passport: str
    approval: Approval
    recalled: str = ""
    loss_before: float | None = None
    loss_after: float | None = None


class Models(Value):
    """Models, and where to go on: `before` of the next question, empty when that was all."""

    lines: tuple[ModelLine, ...]
    before: str = ""


class Trace(Value):
    """What a model came from (`passport`, read beside it and found whole; none for models from before there were any), or which came of `subject`.

    `running` are runs that learn from it now and have no model yet.
    """

    subject: str
    models: tuple[ModelLine, ...]
    datasets: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    passport: Passport | None = None
    passport_uri: str = ""


Placed = tuple[str, Registration]  # a model and where it stands in its project's order


def cut(found: Iterable[Placed], limit: int, rest: Iterable[str]) -> tuple[list[Placed], str]:
    """Return the newest models of several projects, at most `limit`, and where to go on. `rest` are the places from which each has more."""
    further = max(rest, default="")
    certain = sorted((one for one in found if one[0] >= further), key=lambda one: one[0], reverse=True)
    shown = certain[:limit]  # nothing unread can stand between these
    return shown, shown[-1][0] if len(certain) > limit else further


class Subject(NamedTuple):
    """What somebody means: an object (then `bucket` is not empty), a dataset or one version of it, or a run (then `run_id` is not empty)."""

    project: str = ""
    dataset: str = ""
    version: str = ""
    bucket: str = ""
    key: str = ""
    run_id: str = ""


def read_subject(text: str) -> Subject:
    """Return what a person means by the name of data. Raises InvalidInput (BadOrder) for an object that lies outside every dataset."""
    uri, name = _URI.match(text), _NAME.match(text)
    if uri is not None:
        parts = uri["key"].split("/")
        if not uri["key"].startswith(PREFIX) or len(parts) < 4:
            raise InvalidInput(
                "BadOrder", f"`{text}` lies below no dataset: s3://<bucket>/datasets/<project>/<dataset>/..."
            )
        return Subject(parts[1], parts[2], uri["version"] or "", uri["bucket"], uri["key"])
    if name is not None:
        return Subject(name["project"], name["dataset"], name["version"] or "")
    return Subject(run_id=text)


def package_of(text: str) -> bool:
    """Whether a reference is that of a model package: its ARN, or `group/version`."""
    return _PACKAGE.match(text) is not None


def line(model: Registration, approval: Approval, recalled: str, place: str = "") -> ModelLine:
    """Return the line of a model."""
    said = model.model_dump(exclude={"dataset", "content"})
    return ModelLine(**said, approval=approval, recalled=recalled, place=place)
