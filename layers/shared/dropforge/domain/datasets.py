"""Datasets: what an upload says it holds (Manifest) and what was read and believed (Dataset)."""

from typing import Literal

from pydantic import Field

from dropforge import naming
from dropforge.domain.uploads import RunBlock, Upload
from dropforge.domain.values import Received, Sha256, Slug, Value, digest
from dropforge.errors import InvalidInput

Kind = Literal["sft", "dpo"]
MAX_BYTES = 20_000_000_000  # what one function reads in its 15 minutes


class File(Value):
    """One file of an upload, pinned to a version. `sha256` is a claim until the file has been read."""

    path: str
    key: str
    version_id: str
    bytes: int
    sha256: Sha256 | None = None


class Manifest(Value):
    """What an upload claims to be: its project and dataset, its files, its run request."""

    upload: Upload
    project: Slug
    dataset: Slug
    files: tuple[File, ...]
    run: RunBlock = Field(default_factory=dict)


class DroppedFile(Received):
    """One line of a user's manifest.json."""

    path: str
    sha256: Sha256
    bytes: int


class DroppedManifest(Received):
    """manifest.json as the user uploads it, last of all files."""

    files: tuple[DroppedFile, ...] = Field(min_length=1)
    run: RunBlock = Field(default_factory=dict)


class Dataset(Value):
    """An immutable version of a dataset: every file has been read and its digest is known."""

    project: Slug
    name: Slug
    digest: Sha256
    kind: Kind
    rows: int
    bytes: int
    files: tuple[File, ...]
    upload: Upload
    report_uri: str

    @property
    def id(self) -> str:
        """`project/name/version`, where the version is the digest's first 12 hex."""
        return f"{self.project}/{self.name}/{self.digest[:12]}"


def content_digest(files: tuple[File, ...]) -> str:
    """Return the digest of a dataset: of its files' paths, digests and sizes, whatever their order."""
    return digest(sorted([file.path, file.sha256, file.bytes] for file in files))


def folder(key: str) -> str:
    """Return the prefix that a key lies in, ending in `/`."""
    return key.rpartition("/")[0] + "/"


def check_sizes(files: tuple[File, ...]) -> None:
    """Raise InvalidInput for an empty file, or for more bytes than a single check can read."""
    total = sum(file.bytes for file in files)
    if total > MAX_BYTES:
        raise InvalidInput("DatasetTooLarge", f"{total:,} bytes in {len(files)} files.", {"key": files[0].key})
    for file in files:
        if file.bytes == 0:
            raise InvalidInput("EmptyFile", f"`{file.path}` has 0 bytes.", {"key": file.key})


def execution_name(project: str, dataset: str, upload: Upload, attempt: int = 1) -> str:
    """Return the name under which an upload's execution starts; the same upload always gets the same name."""
    return naming.execution(project, dataset, upload.id, attempt)
