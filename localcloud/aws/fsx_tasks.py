"""Data repository tasks: what moves between a file system's folder and S3, and how a task lives and ends.

Files that were imported or exported and have not changed since are not exported again; only regular files are moved, not directories.
"""

import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.aws.clock import Clock
from localcloud.aws.delivery import Courier
from localcloud.aws.errors import AwsError

LOG = logging.getLogger(__name__)

PENDING_SECONDS = 5
EXECUTING_SECONDS = 15
ACTIVE = ("PENDING", "EXECUTING", "CANCELING")
_IMPORT, _EXPORT = "IMPORT_METADATA_FROM_REPOSITORY", "EXPORT_TO_REPOSITORY"


@dataclass(frozen=True)
class Association:
    """A directory of the file system (`path`, absolute, without trailing slash) and the S3 prefix it mirrors (empty or ending in a slash)."""

    path: str
    bucket: str
    prefix: str

    @staticmethod
    def of(path: str, repository: str) -> "Association":
        """From the API's spelling; raises BadRequest."""
        if not path.startswith("/"):
            raise AwsError("BadRequest", "FileSystemPath must start with a slash.")
        if not repository.startswith("s3://"):
            raise AwsError("BadRequest", "DataRepositoryPath must start with s3://.")
        bucket, _, prefix = repository.removeprefix("s3://").partition("/")
        return Association(path.rstrip("/") or "/", bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")

    def overlaps(self, other: "Association") -> bool:
        """True when one directory lies in the other, or both mirror the same prefix."""
        if (self.bucket, self.prefix) == (other.bucket, other.prefix):
            return True
        mine, theirs = PurePosixPath(self.path), PurePosixPath(other.path)
        return mine.is_relative_to(theirs) or theirs.is_relative_to(mine)

    def key(self, path: PurePosixPath) -> str:
        """The S3 key of a file (`path` absolute in the file system, under this association)."""
        return self.prefix + str(path.relative_to(self.path))


@dataclass
class Mount:
    """A file system as tasks see it: the folder, what is linked where, and the state of every file when S3 last had it."""

    folder: Path
    associations: dict[str, Association] = field(default_factory=dict)
    synced: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def path(self, inside: str | PurePosixPath) -> Path:
        """The place on disk of a path in the file system; BadRequest when it leads outside."""
        place = self.folder / str(inside).lstrip("/")
        if ".." in place.parts:
            raise AwsError("BadRequest", f"{inside} leads out of the file system")
        return place

    def inside(self, file: Path) -> PurePosixPath:
        """The absolute path in the file system of a file on disk."""
        return PurePosixPath("/") / file.relative_to(self.folder).as_posix()

    def association_of(self, inside: PurePosixPath) -> Association | None:
        """The association a path belongs to."""
        return next((link for link in self.associations.values() if inside.is_relative_to(link.path)), None)

    def changed(self, file: Path) -> bool:
        """True when S3 does not have this version of the file."""
        return self.synced.get(file) != _version(file)

    def remember(self, file: Path) -> None:
        """S3 has this version of the file."""
        self.synced[file] = _version(file)


def _version(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


class _TaskFailed(Exception):
    """The task ends FAILED with this message."""


@dataclass
class Task:
    """One data repository task."""

    identity: str
    parameters: dict[str, Any]
    created: datetime
    lifecycle: str = "PENDING"
    started: datetime | None = None
    ended: datetime | None = None
    failure: str | None = None
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    def answer(self) -> dict[str, Any]:
        """The task in the API's shape."""
        file_system = self.parameters["FileSystemId"]
        times = {"StartTime": self.started, "EndTime": self.ended}
        counts = {"TotalCount": self.total, "SucceededCount": self.succeeded, "FailedCount": self.failed}
        return {
            "TaskId": self.identity,
            "Lifecycle": self.lifecycle,
            "Type": self.parameters["Type"],
            "CreationTime": self.created,
            "ResourceARN": f"arn:aws:fsx:us-east-1:123456789012:task/{file_system}/{self.identity}",
            "FileSystemId": file_system,
            "Paths": self.parameters.get("Paths") or [],
            "Report": self.parameters["Report"],
            "Tags": self.parameters.get("Tags") or [],
            "Status": {**counts, "LastUpdatedTime": datetime.now(UTC)},
            **{name: moment for name, moment in times.items() if moment},
            **({"FailureDetails": {"Message": self.failure}} if self.failure else {}),
        }

    def end(self, lifecycle: str, failure: str | None = None) -> None:
        """No more changes after this."""
        self.failure = failure
        self.ended = datetime.now(UTC)
        self.lifecycle = lifecycle


class Tasks:
    """All tasks, running in the background."""

    def __init__(self, clock: Clock, client: Callable[[str], Any], courier: Courier) -> None:
        self._clock = clock
        self._client = client
        self._courier = courier
        self._tasks: dict[str, Task] = {}
        self._spoiled: deque[str | None] = deque()

    def spoil(self, message: str | None, times: int) -> None:
        """The next tasks fail with `message`, or hang when it is None."""
        self._spoiled.extend([message] * times)

    def get(self, identity: str) -> Task:
        """A task; raises DataRepositoryTaskNotFound."""
        if identity not in self._tasks:
            raise AwsError("DataRepositoryTaskNotFound", f"Task '{identity}' does not exist.")
        return self._tasks[identity]

    def identities(self) -> list[str]:
        """Every task there ever was."""
        return list(self._tasks)

    def active_on(self, file_system: str) -> bool:
        """True while a task of the file system has not ended."""
        tasks = [task for task in self._tasks.values() if task.parameters["FileSystemId"] == file_system]
        return any(task.lifecycle in ACTIVE for task in tasks)

    def start(self, mount: Mount, parameters: dict[str, Any]) -> Task:
        """Start a task in the background."""
        if parameters["Type"] not in (_IMPORT, _EXPORT):
            raise AwsError("UnsupportedOperation", f"the local cloud has no {parameters['Type']} tasks")
        task = Task(f"task-{uuid.uuid4().hex[:17]}", parameters, datetime.now(UTC))
        self._tasks[task.identity] = task
        self._courier.submit(self._run, mount, task)
        return task

    def cancel(self, task: Task) -> None:
        """Ask a task to end CANCELED."""
        task.lifecycle = "CANCELING"
        task.cancelled.set()

    def _run(self, mount: Mount, task: Task) -> None:
        try:
            self._pass(task, PENDING_SECONDS)
            task.started = datetime.now(UTC)
            if not task.cancelled.is_set():
                task.lifecycle = "EXECUTING"
                self._execute(mount, task)
            task.end("CANCELED" if task.cancelled.is_set() else "SUCCEEDED")
        except _TaskFailed as failure:
            task.end("FAILED", str(failure))
        except Exception as defect:
            task.end("FAILED", f"{type(defect).__name__}: {defect}")
            raise

    def _pass(self, task: Task, seconds: float) -> None:
        """Let cloud time pass unless the task is cancelled."""
        end = self._clock.elapsed() + seconds
        while not (self._clock.closed or task.cancelled.is_set()) and (left := end - self._clock.elapsed()) > 0:
            task.cancelled.wait(min(self._clock.scaled(left), 0.1))

    def _execute(self, mount: Mount, task: Task) -> None:
        if self._spoiled:
            return self._spoil_one(task, self._spoiled.popleft())
        if task.parameters["Type"] == _EXPORT:
            self._export(mount, task)
        else:
            self._import(mount, task)
        self._pass(task, EXECUTING_SECONDS)
        if task.failed:
            raise _TaskFailed(f"{task.failed} of {task.total} files failed")
        return None

    def _spoil_one(self, task: Task, message: str | None) -> None:
        if message is not None:
            self._pass(task, EXECUTING_SECONDS)
            raise _TaskFailed(message)
        self._pass(task, float("inf"))

    def _export(self, mount: Mount, task: Task) -> None:
        files = [file for path in task.parameters.get("Paths") or ["/"] for file in _files_to_export(mount, path)]
        self._move(task, files, lambda file: self._upload(mount, file))

    def _upload(self, mount: Mount, file: Path) -> None:
        inside = mount.inside(file)
        link = mount.association_of(inside)
        if link is None:
            raise _TaskFailed(f"{inside} belongs to no data repository association")
        version = _version(file)
        self._client("s3").upload_file(str(file), link.bucket, link.key(inside))
        mount.synced[file] = version

    def _import(self, mount: Mount, task: Task) -> None:
        wanted = task.parameters.get("Paths") or [f"s3://{a.bucket}/{a.prefix}" for a in mount.associations.values()]
        objects = [found for path in wanted for found in self._objects_to_import(mount, path)]
        self._move(task, objects, lambda found: self._download(mount, *found))

    def import_now(self, mount: Mount, link: Association) -> None:
        """Bring everything under an association's prefix into its directory."""
        for found in self._objects_to_import(mount, f"s3://{link.bucket}/{link.prefix}"):
            self._download(mount, *found)

    def _objects_to_import(self, mount: Mount, path: str) -> list[tuple[Association, str]]:
        bucket, _, prefix = path.removeprefix("s3://").partition("/")
        links = [link for link in mount.associations.values() if _covers(link, bucket, prefix)]
        if not links:
            raise _TaskFailed(f"{path} belongs to no data repository association")
        pages = self._client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for found in pages for item in found.get("Contents", []) if not item["Key"].endswith("/")]
        return [(link, key) for link in links for key in keys if key.startswith(link.prefix)]

    def _download(self, mount: Mount, link: Association, key: str) -> None:
        file = mount.path(PurePosixPath(link.path) / key.removeprefix(link.prefix))
        file.parent.mkdir(parents=True, exist_ok=True)
        self._client("s3").download_file(link.bucket, key, str(file))
        mount.remember(file)

    def _move(self, task: Task, things: list[Any], move: Callable[[Any], None]) -> None:
        task.total = len(things)
        for thing in things:
            if task.cancelled.is_set() or self._clock.closed:
                return
            try:
                move(thing)
            except (BotoCoreError, Boto3Error, ClientError, OSError) as error:
                task.failed += 1
                LOG.warning("%s: %s", task.identity, error)
            else:
                task.succeeded += 1


def _files_to_export(mount: Mount, path: str) -> Iterator[Path]:
    place = mount.path(path)
    if not place.exists():
        raise _TaskFailed(f"The path {path} does not exist on the file system.")
    if mount.association_of(mount.inside(place)) is None and path.strip("/"):
        raise _TaskFailed(f"The path {path} belongs to no data repository association.")
    candidates = [place] if place.is_file() else sorted(place.rglob("*"))
    for file in candidates:
        if (
            file.is_file()
            and not file.is_symlink()
            and mount.association_of(mount.inside(file))
            and mount.changed(file)
        ):
            yield file


def _covers(link: Association, bucket: str, prefix: str) -> bool:
    """True when the prefix lies within the association, or the association within the prefix."""
    return link.bucket == bucket and (prefix.startswith(link.prefix.rstrip("/")) or link.prefix.startswith(prefix))
