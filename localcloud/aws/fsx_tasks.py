"""Data repository tasks: how one lives and ends.

A file that could not be moved is counted and makes the task FAILED in the end, but does not stop it, as in AWS.
"""

import csv
import io
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.aws.clock import Clock
from localcloud.aws.delivery import Courier
from localcloud.aws.errors import AwsError
from localcloud.aws.fsx_mount import Association, Mount
from localcloud.aws.fsx_transfer import TaskFailed, Transfer, exports, imports

LOG = logging.getLogger(__name__)

Spoiling = Literal["fails", "flips"]
PENDING_SECONDS = 5
EXECUTING_SECONDS = 15
ACTIVE = ("PENDING", "EXECUTING", "CANCELING")
_IMPORT, _EXPORT = "IMPORT_METADATA_FROM_REPOSITORY", "EXPORT_TO_REPOSITORY"


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
    failures: list[tuple[str, str]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def answer(self) -> dict[str, Any]:
        """The task in the API's shape."""
        file_system = self.parameters["FileSystemId"]
        times = {"StartTime": self.started, "EndTime": self.ended}
        counts = {"TotalCount": self.total, "SucceededCount": self.succeeded, "FailedCount": len(self.failures)}
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
        self._spoiled_files: dict[str, Spoiling] = {}

    def spoil(self, message: str | None, times: int) -> None:
        """The next tasks fail with `message`, or hang when it is None."""
        self._spoiled.extend([message] * times)

    def spoil_files(self, part: str, how: Spoiling) -> None:
        """Files with `part` in their path fail, or arrive in S3 with a bit flipped."""
        self._spoiled_files[part] = how

    def spare(self) -> None:
        """The next tasks run as they should; those that hang go on hanging."""
        self._spoiled.clear()
        self._spoiled_files.clear()

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
        self._courier.aside(self._run, mount, task)
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
        except (TaskFailed, AwsError) as failure:
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
        if task.failures:
            self._report(task)
            raise TaskFailed(f"{len(task.failures)} of {task.total} files failed")
        return None

    def _report(self, task: Task) -> None:
        """Write the completion report where it was asked for; the name is the real one's."""
        report = task.parameters["Report"]
        if not report["Enabled"]:
            return
        bucket, _, prefix = report["Path"].removeprefix("s3://").partition("/")
        text = io.StringIO()
        csv.writer(text).writerows((path, "failed", code) for path, code in task.failures)
        name = "failures.csv" if task.parameters["Type"] == _EXPORT else "report.csv"
        key = f"{prefix.strip('/')}/{task.identity}/{name}"
        self._client("s3").put_object(Bucket=bucket, Key=key, Body=text.getvalue().encode())

    def _spoil_one(self, task: Task, message: str | None) -> None:
        if message is not None:
            self._pass(task, EXECUTING_SECONDS)
            raise TaskFailed(message)
        self._pass(task, float("inf"))

    def _export(self, mount: Mount, task: Task) -> None:
        self._move(task, exports(mount, task.parameters.get("Paths") or ["/"]), up=True)

    def _import(self, mount: Mount, task: Task) -> None:
        everything = [f"s3://{link.bucket}/{link.prefix}" for link in mount.associations.values()]
        wanted = task.parameters.get("Paths") or everything
        self._move(task, imports(self._client("s3"), mount, wanted), up=False)

    def import_now(self, mount: Mount, link: Association) -> None:
        """Bring everything under an association's prefix into its directory."""
        for transfer in imports(self._client("s3"), mount, [f"s3://{link.bucket}/{link.prefix}"]):
            transfer.download(self._client("s3"))

    def _move(self, task: Task, transfers: list[Transfer], *, up: bool) -> None:
        task.total, s3 = len(transfers), self._client("s3")
        for transfer in transfers:
            if task.cancelled.is_set() or self._clock.closed:
                return
            inside = str(transfer.mount.inside(transfer.file)).lstrip("/")
            how = next((how for part, how in self._spoiled_files.items() if part in inside), None)
            try:
                if how == "fails":
                    raise OSError("it was made to fail")
                transfer.upload(s3, flipped=how == "flips") if up else transfer.download(s3)
            except (BotoCoreError, Boto3Error, ClientError, OSError) as error:
                task.failures.append((inside, "S3AccessDenied"))
                LOG.warning("%s: %s", task.identity, error)
            else:
                task.succeeded += 1
