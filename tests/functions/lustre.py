"""FSx for Lustre on the wire: tasks that begin when they are asked for, one at a time, and end when a test says so."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from dropforge.adapters import aws

from tests.contracts.repository import Document
from tests.functions.wires import answering, body_of, reply

UNDER_WAY = ("EXECUTING", "CANCELING")


@dataclass
class Lustre:
    """The tasks of all file systems, in the order in which they began."""

    tasks: list[Document] = field(default_factory=list)
    refused: int = 0
    never: list[str] = field(default_factory=list)  # the waits whose task FSx refuses for good

    def create(self, request: AWSPreparedRequest) -> AWSResponse:
        """CreateDataRepositoryTask."""
        body = body_of(request)
        same = next((task for task in self.tasks if task["token"] == body["ClientRequestToken"]), None)
        if same is not None:
            return reply(request, {"DataRepositoryTask": same})
        if body["Tags"][0]["Value"] in self.never:
            return reply(request, {"__type": "BadRequest", "Message": "no association covers the path"}, 400)
        if any(task["FileSystemId"] == body["FileSystemId"] and task["Lifecycle"] in UNDER_WAY for task in self.tasks):
            self.refused += 1
            code = "DataRepositoryTaskExecuting"
            return reply(request, {"__type": code, "Message": "one at a time"}, 400)
        task = {
            **body,
            "token": body["ClientRequestToken"],
            "TaskId": f"task-{len(self.tasks):017d}",
            "Lifecycle": "EXECUTING",
            "CreationTime": 0,
        }
        self.tasks.append(task)
        return reply(request, {"DataRepositoryTask": task})

    def describe(self, request: AWSPreparedRequest) -> AWSResponse:
        """DescribeDataRepositoryTasks, by ids or by file system and lifecycle."""
        body = body_of(request)
        names = {"file-system-id": "FileSystemId", "task-lifecycle": "Lifecycle"}
        found = [task for task in self.tasks if task["TaskId"] in body.get("TaskIds", [task["TaskId"]])]
        for only in body.get("Filters", []):
            found = [task for task in found if task[names[only["Name"]]] in only["Values"]]
        return reply(request, {"DataRepositoryTasks": found})

    def cancel(self, request: AWSPreparedRequest) -> AWSResponse:
        """CancelDataRepositoryTask."""
        (task,) = [task for task in self.tasks if task["TaskId"] == body_of(request)["TaskId"]]
        if task["Lifecycle"] not in UNDER_WAY:
            return reply(request, {"__type": "DataRepositoryTaskEnded", "Message": "it has ended"}, 400)
        task["Lifecycle"] = "CANCELING"
        return reply(request, {"TaskId": task["TaskId"], "Lifecycle": "CANCELING"})

    def end(self, lifecycle: str = "SUCCEEDED", **more: object) -> None:
        """End the task that is under way."""
        (task,) = [task for task in self.tasks if task["Lifecycle"] in UNDER_WAY]
        task |= {"Lifecycle": lifecycle, **more}

    def stranger(self, file_system: str) -> None:
        """Begin a task that somebody else has asked for."""
        named = {"TaskId": "task-of-somebody", "FileSystemId": file_system, "token": "", "CreationTime": 0}
        self.tasks.append({**named, "Lifecycle": "EXECUTING"})

    def began(self) -> list[str]:
        """What the tasks were begun for, by the names of waits."""
        return [task["Tags"][0]["Value"] for task in self.tasks if "Tags" in task]


@contextmanager
def lustre() -> Iterator[Lustre]:
    """FSx as it answers."""
    found = Lustre()
    operations = {
        "CreateDataRepositoryTask": found.create,
        "DescribeDataRepositoryTasks": found.describe,
        "CancelDataRepositoryTask": found.cancel,
    }
    with ExitStack() as stack:
        for operation, answer in operations.items():
            stack.enter_context(answering(aws.fsx(), operation, answer))
        yield found
