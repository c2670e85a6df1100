"""Uploads: what arrived in the datasets bucket and is not yet believed.

The key is read as it is, never decoded: EventBridge passes keys raw (S3's older notifications do not), and a key that needs decoding is not
one of ours anyway.
"""

import re
from typing import Literal

from pydantic import Field, ValidationError

from dropforge import naming
from dropforge.domain.values import Received, Slug, Value, explain
from dropforge.errors import InvalidInput

PREFIX = "datasets/"
SINGLE_FILES = ("train.jsonl", "train.jsonl.gz")
MANIFEST = "manifest.json"
REPORT = "report.json"
PROJECT_DEFAULTS = "run.yaml"
OURS = ".dropforge"  # the folder of a dataset in which we keep what we found out about its uploads
_NAME = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")

RunBlock = dict[str, object]


class Upload(Value):
    """One version of one object: the identity of a drop."""

    bucket: str
    key: str
    version_id: str

    @property
    def id(self) -> str:
        """The upload's short id, 16 hex."""
        return naming.upload(self.bucket, self.key, self.version_id)


class Drop(Value):
    """What starts an execution, by event or by hand: an upload and, optionally, a run request."""

    upload: Upload
    run: RunBlock = Field(default_factory=dict)


class Wanted(Value):
    """An upload as a person names it: without a version it is the newest one."""

    bucket: str = Field(min_length=1)
    key: str = Field(min_length=1)
    version_id: str | None = Field(default=None, min_length=1)


class Start(Value):
    """The machine's input as somebody typed it."""

    upload: Wanted
    run: RunBlock = Field(default_factory=dict)


def read_start(document: object) -> Start:
    """Read the machine's input. Raises InvalidInput (BadInput) naming each key that is wrong."""
    try:
        return Start.model_validate(document)
    except ValidationError as error:
        raise InvalidInput("BadInput", explain(error)) from error


class Location(Value):
    """Where a key lies: `role` says what the object is for us."""

    project: Slug
    dataset: Slug
    role: Literal["file", "manifest"]


class _Bucket(Received):
    name: str


class _Object(Received):
    key: str
    version_id: str = Field(alias="version-id")


class _Detail(Received):
    bucket: _Bucket
    object: _Object


class ObjectCreated(Received):
    """The event "Object Created" of S3 as EventBridge delivers it (S3 User Guide, "Amazon S3 event message structure")."""

    detail: _Detail

    @property
    def upload(self) -> Upload:
        """The object version that was created."""
        return Upload(
            bucket=self.detail.bucket.name, key=self.detail.object.key, version_id=self.detail.object.version_id
        )


def locate(key: str) -> Location | None:
    """Read a key of the datasets bucket. `None` means: it starts nothing (a report, project defaults, a file that waits for its manifest).

    Raises InvalidInput (WrongKeyLayout) for a key under datasets/ that no dataset can have.
    """
    parts = key.removeprefix(PREFIX).split("/")
    if not key.startswith(PREFIX) or parts[-1] in ("", REPORT, PROJECT_DEFAULTS):
        return None
    role = _role(parts)
    if role == "part":
        return None
    bad = next((part for part in parts[:2] if not _NAME.match(part) or len(part) > 30), None)
    if role is None or bad is not None:
        why = (
            f"`{bad}` is not a name"
            if bad is not None
            else f"`{parts[-1]}` is not {', '.join(SINGLE_FILES)} or {MANIFEST}"
        )
        raise InvalidInput("WrongKeyLayout", f"{why} in the key `{key}`.", {"key": key})
    return Location(project=parts[0], dataset=parts[1], role="manifest" if role == "manifest" else "file")


def _role(parts: list[str]) -> Literal["file", "manifest", "part"] | None:
    """Tell by the number of segments and the last name; a rule's `*` also matches `/`, so the rule cannot."""
    if OURS in parts[2:-1]:
        return "part"
    if len(parts) == 3 and parts[2] in SINGLE_FILES:
        return "file"
    if parts[-1] == MANIFEST:
        return "manifest" if len(parts) == 4 else None
    return "part" if len(parts) >= 4 else None


def folder(key: str) -> str:
    """Return the prefix that a key lies in, ending in `/`."""
    return key.rpartition("/")[0] + "/"


def own_folder(upload: Upload, location: Location) -> str:
    """Return the prefix of what we write about an upload. It lies in the dataset's folder, so whoever may read one may read the other."""
    return f"{PREFIX}{location.project}/{location.dataset}/{OURS}/{upload.id}/"


class Receipt(Value):
    """What ReceiveDrop did with an object: `execution` is the one that stands for it, if any."""

    action: Literal["started", "known", "ignored", "rejected"]
    execution: str = ""
