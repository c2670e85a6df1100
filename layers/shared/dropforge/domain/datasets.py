"""Datasets: what an upload says it holds (Manifest) and what was read and believed (Dataset).

Neither holds its files: fifty thousand of them do not fit the state of an execution, so both point at a listing in S3 by its digest.
"""

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from dropforge import naming
from dropforge.domain.uploads import MANIFEST, RunBlock, Upload, folder
from dropforge.domain.values import Received, Sha256, Slug, Value, digest
from dropforge.errors import InvalidInput

Kind = Literal["sft", "dpo"]
Role = Literal["train", "validation"]
MAX_BYTES = 1_000_000_000_000  # what one prefetch job hashes in its two hours, at 140 MB/s
MAX_FILES = 100_000  # their listing (about 30 MB) must fit a function's memory several times
FIRST = 20  # how many files a message names
_VALIDATION = re.compile(r"(validation|valid|val|evaluation|eval|test)(?![a-z])")


class File(Value):
    """One file of an upload, pinned to a version.

    `sha256` is a claim until the file has been read whole. A file that was read in ranges has `ranges_sha256` instead: the SHA-256 of its
    ranges' SHA-256 digests (raw, one after another). Its `sha256`, if the manifest gave one, is proven by the prefetch job.
    """

    path: str
    key: str
    version_id: str
    bytes: int
    sha256: Sha256 | None = None
    ranges_sha256: Sha256 | None = None
    role: Role = "train"
    rows: int = 0


class Files(Value):
    """What a listing holds. A file of more than `range_bytes` bytes is read in ranges of that many."""

    range_bytes: int = Field(gt=0)
    files: tuple[File, ...]


class Listing(Value):
    """A listing in the datasets bucket, by reference. Whoever reads it compares its bytes with `sha256`."""

    bucket: str
    key: str
    version_id: str
    sha256: Sha256


class Manifest(Value):
    """What an upload claims to be. `ranges` is into how many shares its reading is divided; 0 means that one function reads it all."""

    upload: Upload
    project: Slug
    dataset: Slug
    files: int
    bytes: int
    ranges: int
    listing: Listing
    run: RunBlock = Field(default_factory=dict)


class DroppedFile(Received):
    """One line of a user's manifest.json."""

    path: str
    sha256: Sha256
    bytes: int
    role: Role | None = None


class DroppedManifest(Received):
    """manifest.json as the user uploads it, last of all files."""

    files: tuple[DroppedFile, ...] = Field(min_length=1)
    run: RunBlock = Field(default_factory=dict)


class Dataset(Value):
    """An immutable version of a dataset: every file has been read and its digest is known. `longest_at` says where the longest row is."""

    project: Slug
    name: Slug
    digest: Sha256
    kind: Kind
    rows: int
    train_rows: int
    bytes: int
    files: int
    longest_bytes: int
    longest_at: str
    listing: Listing
    upload: Upload
    report_uri: str
    warnings: int = 0
    tool_rows: int = 0

    @property
    def id(self) -> str:
        """`project/name/version`, where the version is the digest's first 12 hex."""
        return f"{self.project}/{self.name}/{self.digest[:12]}"

    @property
    def sources(self) -> tuple[str, str]:
        """What must be brought to a file system: the file or the upload's whole folder, and the listing."""
        key = self.upload.key
        data = folder(key) if key.endswith(f"/{MANIFEST}") else key
        return f"s3://{self.upload.bucket}/{data}", f"s3://{self.listing.bucket}/{self.listing.key}"


def content_digest(files: Sequence[File]) -> str:
    """Return the digest of a dataset: of its files' paths, roles, digests and sizes, whatever their order."""
    return digest(sorted([file.path, file.role, file.ranges_sha256 or file.sha256, file.bytes] for file in files))


def role_of(path: str) -> Role:
    """Return what a file is for: its name says it, or the nearest folder whose name does. Raises InvalidInput (RoleUnknown)."""
    for part in reversed(path.lower().split("/")):
        if part.startswith("train"):
            return "train"
        if _VALIDATION.match(part):
            return "validation"
    raise InvalidInput("RoleUnknown", f"`{path}`: neither its name nor a folder says what it is for.", {"path": path})


def check_files(files: Sequence[File], range_bytes: int) -> None:
    """Raise InvalidInput (EmptyFile, NoTrainFile, DatasetTooLarge) for files that nobody could train on or check."""
    total = sum(file.bytes for file in files)
    if total > MAX_BYTES or len(files) > MAX_FILES:
        why = f"{total:,} bytes in {len(files):,} files; the limit is {MAX_BYTES:,} bytes in {MAX_FILES:,} files."
        raise InvalidInput("DatasetTooLarge", why, {"key": files[0].key})
    for file in files:
        _check_size(file, range_bytes)
    if all(file.role != "train" for file in files):
        why = f"All {len(files)} files are for validation."
        raise InvalidInput("NoTrainFile", why, {"files": [file.path for file in files[:FIRST]]})


def _check_size(file: File, range_bytes: int) -> None:
    if file.bytes == 0:
        raise InvalidInput("EmptyFile", f"`{file.path}` has 0 bytes.", {"key": file.key})
    if file.bytes > range_bytes and is_packed(file):
        why = f"`{file.path}` has {file.bytes:,} bytes packed, which cannot be read in parts; the limit is {range_bytes:,}."
        raise InvalidInput("DatasetTooLarge", why, {"key": file.key})


def is_packed(file: File) -> bool:
    """Whether a file is gzip, which can only be read from its start."""
    return file.path.endswith(".gz")


def execution_name(project: str, dataset: str, upload: Upload, attempt: int = 1) -> str:
    """Return the name under which an upload's execution starts; the same upload always gets the same name."""
    return naming.execution(project, dataset, upload.id, attempt)
