"""FSx for Lustre as its API sees it. Nothing here opens a file: no function can mount Lustre.

Import tasks take `s3://` paths, export tasks paths relative to the mount; the file system runs one task at a time (API reference of
CreateDataRepositoryTask). Not verified on AWS: the shape of a partly failed task.
"""

import csv
import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from botocore.exceptions import ClientError

from dropforge.adapters import aws, storage
from dropforge.domain.file_systems import FileSystemTask
from dropforge.errors import InvalidInput

if TYPE_CHECKING:
    from mypy_boto3_fsx.literals import DataRepositoryTaskTypeType
    from mypy_boto3_fsx.type_defs import (
        CompletionReportTypeDef,
        DataRepositoryTaskFilterTypeDef,
        DataRepositoryTaskTypeDef,
    )

Phase = Literal["running", "succeeded", "failed"]
WAIT_TAG = "dropforge:wait"
PAGE = 50  # ids in one question
FILES_NAMED = 20
REPORT_BYTES = 64 * 1024  # of a report that are read: more than twenty of the longest paths
_TYPES: "Final[dict[str, DataRepositoryTaskTypeType]]" = {
    "import": "IMPORT_METADATA_FROM_REPOSITORY",
    "export": "EXPORT_TO_REPOSITORY",
}
_REFUSED = (
    "BadRequest",
    "FileSystemNotFound",
    "IncompatibleParameterError",
    "UnsupportedOperation",
    "AccessDeniedException",
)
_ENDED: dict[str, Phase] = {"SUCCEEDED": "succeeded", "FAILED": "failed", "CANCELED": "failed"}


class TaskState(NamedTuple):
    """A data repository task: how it goes, its counts, FSx's own words when it failed, and where its report lies (an S3 URI, or empty)."""

    id: str
    phase: Phase
    total: int
    failed: int
    message: str
    report: str


def start(task: FileSystemTask, token: str) -> str | None:
    """Start a task and return its id; the same `token` starts it once. None while the file system runs another one.

    Raises InvalidInput (FileSystemRefused) when FSx says that it never will.
    """
    try:
        answer = aws.fsx().create_data_repository_task(
            Type=_TYPES[task.kind],
            FileSystemId=task.file_system,
            Paths=list(task.paths),
            Report=_report(task),
            ClientRequestToken=hashlib.sha256(token.encode()).hexdigest()[:40],
            Tags=[{"Key": WAIT_TAG, "Value": token}],
        )
    except ClientError as error:
        if aws.code_of(error) == "DataRepositoryTaskExecuting":
            return None
        if aws.code_of(error) in _REFUSED:
            why = f"FSx refuses to {task.kind} {', '.join(task.paths)} on `{task.file_system}`: {error}"
            raise InvalidInput("FileSystemRefused", why, {"file_system": task.file_system}) from error
        raise
    return answer["DataRepositoryTask"]["TaskId"]


def _report(task: FileSystemTask) -> "CompletionReportTypeDef":
    if not task.report:
        return {"Enabled": False}
    return {"Enabled": True, "Path": task.report, "Format": "REPORT_CSV_20191124", "Scope": "FAILED_FILES_ONLY"}


def read_tasks(ids: list[str]) -> dict[str, TaskState]:
    """Return the state of tasks by id; a task that FSx has forgotten (after 14 days) is absent."""
    found: dict[str, TaskState] = {}
    for start in range(0, len(ids), PAGE):
        found |= _read_some(ids[start : start + PAGE])
    return found


def _read_some(ids: list[str]) -> dict[str, TaskState]:
    """Read some tasks. FSx refuses the whole question for one id that it does not know, so then each is asked alone."""
    try:
        tasks = aws.fsx().describe_data_repository_tasks(TaskIds=ids)["DataRepositoryTasks"]
    except ClientError as error:
        if aws.code_of(error) != "DataRepositoryTaskNotFound":
            raise
        singly = (_read_some([one]) for one in ids) if len(ids) > 1 else ()
        return {key: state for states in singly for key, state in states.items()}
    return {task["TaskId"]: _state(task) for task in tasks}


def _state(task: "DataRepositoryTaskTypeDef") -> TaskState:
    status, report = task.get("Status", {}), task.get("Report", {}).get("Path", "")
    return TaskState(
        id=task["TaskId"],
        phase=_ENDED.get(task["Lifecycle"], "running"),
        total=status.get("TotalCount", 0),
        failed=status.get("FailedCount", 0),
        message=task.get("FailureDetails", {}).get("Message", ""),
        report=f"{report}/{task['TaskId']}/failures.csv" if report else "",
    )


def failed_files(state: TaskState) -> Iterator[str]:
    """Yield at most twenty of the files that a task failed to move, each with FSx's code for why, from its report.

    The report has the fields path, status and code (LustreGuide, "Working with task completion reports"). Nothing where no report was written.
    """
    bucket, _, key = state.report.removeprefix("s3://").partition("/")
    _, text = storage.etag_and_text(bucket, key, REPORT_BYTES) if state.report else (None, "")
    for row in islice(csv.reader(text.splitlines()), FILES_NAMED):
        path, _, code = (*row, "", "")[:3]
        yield f"{path}: {code}"


def find_tasks(file_system: str, tokens: set[str]) -> list[str]:
    """Return the tasks of a file system that have not ended and were started with one of `tokens`, whoever knows their ids."""
    return [
        task["TaskId"]
        for task in _unfinished(file_system)
        if any(tag["Key"] == WAIT_TAG and tag["Value"] in tokens for tag in task.get("Tags", []))
    ]


def _unfinished(file_system: str) -> "Iterator[DataRepositoryTaskTypeDef]":
    filters: list[DataRepositoryTaskFilterTypeDef] = [
        {"Name": "file-system-id", "Values": [file_system]},
        {"Name": "task-lifecycle", "Values": ["PENDING", "EXECUTING", "CANCELING"]},
    ]
    page = aws.fsx().describe_data_repository_tasks(Filters=filters)
    yield from page["DataRepositoryTasks"]
    while "NextToken" in page:
        page = aws.fsx().describe_data_repository_tasks(Filters=filters, NextToken=page["NextToken"])
        yield from page["DataRepositoryTasks"]


def cancel(task_id: str) -> None:
    """Cancel a task; one that has ended already is left as it is."""
    try:
        aws.fsx().cancel_data_repository_task(TaskId=task_id)
    except ClientError as error:
        if aws.code_of(error) not in ("DataRepositoryTaskEnded", "DataRepositoryTaskNotFound"):
            raise
