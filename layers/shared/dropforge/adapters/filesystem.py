"""FSx for Lustre as its API sees it. Nothing here opens a file: no function can mount Lustre.

Import tasks take `s3://` paths, export tasks paths relative to the mount; the file system runs one task at a time (API reference of
CreateDataRepositoryTask). Not verified on AWS: the shape of a partly failed task.
"""

import hashlib
from typing import TYPE_CHECKING, Literal, NamedTuple

from botocore.exceptions import ClientError

from dropforge.adapters import aws
from dropforge.errors import NotReady

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_fsx.type_defs import DataRepositoryTaskFilterTypeDef, DataRepositoryTaskTypeDef

Phase = Literal["running", "succeeded", "failed"]
WAIT_TAG = "dropforge:wait"
PAGE = 50  # ids in one question
_ENDED: dict[str, Phase] = {"SUCCEEDED": "succeeded", "FAILED": "failed", "CANCELED": "failed"}


class TaskState(NamedTuple):
    """A data repository task: how it goes, its counts, and FSx's own words when it failed."""

    id: str
    phase: Phase
    total: int
    failed: int
    message: str


def start_import(file_system: str, uris: list[str], token: str) -> str:
    """Bring objects into the file system and return the task's id. The same `token` starts it once. Raises NotReady (FileSystemBusy)."""
    return _start(file_system, "IMPORT_METADATA_FROM_REPOSITORY", uris, token)


def start_export(file_system: str, paths: list[str], token: str) -> str:
    """Write files below `paths` (relative to the mount) to their bucket and return the task's id. Raises NotReady (FileSystemBusy)."""
    return _start(file_system, "EXPORT_TO_REPOSITORY", paths, token)


def _start(
    file_system: str,
    kind: Literal["IMPORT_METADATA_FROM_REPOSITORY", "EXPORT_TO_REPOSITORY"],
    paths: list[str],
    token: str,
) -> str:
    try:
        answer = aws.fsx().create_data_repository_task(
            Type=kind,
            FileSystemId=file_system,
            Paths=paths,
            Report={"Enabled": False},
            ClientRequestToken=hashlib.sha256(token.encode()).hexdigest()[:40],
            Tags=[{"Key": WAIT_TAG, "Value": token}],
        )
    except ClientError as error:
        if aws.code_of(error) == "DataRepositoryTaskExecuting":
            raise NotReady("FileSystemBusy", f"{file_system} is running another task.") from error
        raise
    return answer["DataRepositoryTask"]["TaskId"]


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
    status = task.get("Status", {})
    return TaskState(
        id=task["TaskId"],
        phase=_ENDED.get(task["Lifecycle"], "running"),
        total=status.get("TotalCount", 0),
        failed=status.get("FailedCount", 0),
        message=task.get("FailureDetails", {}).get("Message", ""),
    )


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
        {"Name": "task-lifecycle", "Values": ["PENDING", "EXECUTING"]},
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
