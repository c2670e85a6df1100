"""FSx for Lustre as a folder per file system: life cycles, associations with S3, tasks that really copy.

Answers have botocore's shapes; durations are those of a small file system in AWS, in cloud time. Folders are `<root>/<file system id>`.
"""

import shutil
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localcloud.aws.clock import Clock
from localcloud.aws.delivery import Courier
from localcloud.aws.errors import AwsError
from localcloud.aws.front import operation
from localcloud.aws.fsx_mount import Association, Mount
from localcloud.aws.fsx_resources import (
    ASSOCIATION_FILTERS,
    TASK_FILTERS,
    Resource,
    filtered,
    require_place,
    require_room,
)
from localcloud.aws.fsx_tasks import ACTIVE, Spoiling, Task, Tasks
from localcloud.aws.paging import page

FILE_SYSTEM_SECONDS = 300
ASSOCIATION_SECONDS = 60
_ARN = "arn:aws:fsx:us-east-1:123456789012"


class FakeFsx:
    """The FSx operations of the local cloud. `root` is the folder of all file systems."""

    def __init__(self, root: Path, clock: Clock, client: Callable[[str], Any], courier: Courier) -> None:
        self._root = root
        self._clock = clock
        self._lock = threading.RLock()
        self._file_systems: dict[str, Resource] = {}
        self._mounts: dict[str, Mount] = {}
        self._associations: dict[str, Resource] = {}
        self._requests: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}
        self._tasks = Tasks(clock, client, courier)

    def folder(self, file_system_id: str) -> Path:
        """The folder of a file system; KeyError when there is none."""
        return self._mounts[file_system_id].folder

    def fail_tasks(self, message: str, times: int) -> None:
        """The next tasks end FAILED with `message`."""
        self._tasks.spoil(message, times)

    def spoil_files(self, part: str, how: Spoiling) -> None:
        """Files with `part` in their path fail in tasks, or arrive in S3 with a bit flipped."""
        self._tasks.spoil_files(part, how)

    def hang_tasks(self, times: int) -> None:
        """The next tasks execute until cancelled."""
        self._tasks.spoil(None, times)

    def spare_tasks(self) -> None:
        """The next tasks neither fail nor hang."""
        self._tasks.spare()

    def _once(self, kind: str, parameters: dict[str, Any], create: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Idempotency by ClientRequestToken: the same request again gets the same object, another request is refused."""
        token = parameters.get("ClientRequestToken")
        with self._lock:
            if not token:
                return create()
            if (kind, token) not in self._requests:
                self._requests[kind, token] = (dict(parameters), create())
            request, answer = self._requests[kind, token]
            if request != parameters:
                raise AwsError(
                    "IncompatibleParameterError", "a request with this token and other parameters was made before"
                )
            return answer

    def _file_system(self, identity: str) -> Resource:
        found = self._file_systems.get(identity)
        if found is None or found.gone(self._clock.elapsed()):
            raise AwsError("FileSystemNotFound", f"File system '{identity}' does not exist.")
        return found

    def _current(self, resource: Resource) -> dict[str, Any]:
        return {**resource.answer, "Lifecycle": resource.lifecycle(self._clock.elapsed())}

    @operation("fsx", "CreateFileSystem")
    def create_file_system(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Make the folder; AVAILABLE after five minutes."""
        if parameters["FileSystemType"] != "LUSTRE":
            raise AwsError("BadRequest", "the local cloud has Lustre file systems only")
        created = self._once("file system", parameters, lambda: self._new_file_system(parameters))
        return {"FileSystem": self._current(self._file_system(created["FileSystemId"]))}

    def _new_file_system(self, parameters: dict[str, Any]) -> dict[str, Any]:
        identity = f"fs-{uuid.uuid4().hex[:17]}"
        answer = {name: value for name, value in parameters.items() if name != "ClientRequestToken"} | {
            "FileSystemId": identity,
            "OwnerId": _ARN.rpartition(":")[2],
            "CreationTime": datetime.now(UTC),
            "ResourceARN": f"{_ARN}:file-system/{identity}",
            "DNSName": f"{identity}.fsx.us-east-1.amazonaws.com",
            "VpcId": "vpc-local",
            "NetworkInterfaceIds": [],
            "LustreConfiguration": {**parameters.get("LustreConfiguration", {}), "MountName": identity[3:11]},
        }
        folder = self._root / identity
        folder.mkdir(parents=True)
        self._mounts[identity] = Mount(folder)
        self._file_systems[identity] = Resource(answer, self._clock.elapsed(), FILE_SYSTEM_SECONDS)
        return answer

    @operation("fsx", "DescribeFileSystems")
    def describe_file_systems(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """File systems by id, or all."""
        identities = parameters.get("FileSystemIds")
        now = self._clock.elapsed()
        known = [identity for identity, found in list(self._file_systems.items()) if not found.gone(now)]
        answers = [self._current(self._file_system(identity)) for identity in (identities or known)]
        found, token = page(answers, parameters.get("MaxResults"), parameters.get("NextToken"))
        return {"FileSystems": found, **token}

    @operation("fsx", "DeleteFileSystem")
    def delete_file_system(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Refused while a task is under way."""
        identity = parameters["FileSystemId"]
        with self._lock:
            found = self._file_system(identity)
            if self._tasks.active_on(identity) or found.dying_since is not None:
                raise AwsError(
                    "BadRequest", f"File system '{identity}' has a task that has not ended, or is being deleted."
                )
            found.dying_since = self._clock.elapsed()
            mount = self._mounts.pop(identity)
            shutil.rmtree(mount.folder)
            for association in mount.associations:
                del self._associations[association]
        return {"FileSystemId": identity, "Lifecycle": "DELETING"}

    @operation("fsx", "CreateDataRepositoryAssociation")
    def create_data_repository_association(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Link a directory with an S3 prefix; AVAILABLE after a minute."""
        created = self._once("association", parameters, lambda: self._new_association(parameters))
        return {"Association": self._current(self._associations[created["AssociationId"]])}

    def _new_association(self, parameters: dict[str, Any]) -> dict[str, Any]:
        mount = self._available(parameters["FileSystemId"])
        link = Association.of(parameters.get("FileSystemPath", ""), parameters["DataRepositoryPath"])
        require_room(mount, link)
        identity = f"dra-{uuid.uuid4().hex[:17]}"
        answer = {name: value for name, value in parameters.items() if name != "ClientRequestToken"} | {
            "AssociationId": identity,
            "CreationTime": datetime.now(UTC),
            "ResourceARN": f"{_ARN}:association/{parameters['FileSystemId']}/{identity}",
        }
        self._associations[identity] = Resource(answer, self._clock.elapsed(), ASSOCIATION_SECONDS)
        mount.associations[identity] = link
        mount.path(link.path).mkdir(parents=True, exist_ok=True)
        if parameters.get("BatchImportMetaDataOnCreate"):
            self._tasks.import_now(mount, link)
        return answer

    def _available(self, identity: str) -> Mount:
        if self._file_system(identity).lifecycle(self._clock.elapsed()) != "AVAILABLE":
            raise AwsError("BadRequest", f"File system '{identity}' is not AVAILABLE.")
        return self._mounts[identity]

    @operation("fsx", "DescribeDataRepositoryAssociations")
    def describe_data_repository_associations(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Associations by id, by filter, or all."""
        wanted = parameters.get("AssociationIds") or list(self._associations)
        answers = filtered(
            [self._current(self._association(identity)) for identity in wanted], parameters, ASSOCIATION_FILTERS
        )
        found, token = page(answers, parameters.get("MaxResults"), parameters.get("NextToken"))
        return {"Associations": found, **token}

    def _association(self, identity: str) -> Resource:
        if identity not in self._associations:
            raise AwsError("DataRepositoryAssociationNotFound", f"Association '{identity}' does not exist.")
        return self._associations[identity]

    @operation("fsx", "DeleteDataRepositoryAssociation")
    def delete_data_repository_association(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Unlink; the files stay unless DeleteDataInFileSystem says otherwise."""
        identity = parameters["AssociationId"]
        with self._lock:
            answer = self._association(identity).answer
            mount = self._mounts[answer["FileSystemId"]]
            link = mount.associations.pop(identity)
            if parameters.get("DeleteDataInFileSystem"):
                shutil.rmtree(mount.path(link.path))
            del self._associations[identity]
        return {"AssociationId": identity, "Lifecycle": "DELETING"}

    @operation("fsx", "CreateDataRepositoryTask")
    def create_data_repository_task(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Start an import or export; one task at a time per file system."""
        created = self._once("task", parameters, lambda: self._new_task(parameters))
        return {"DataRepositoryTask": self._tasks.get(created["TaskId"]).answer()}

    def _new_task(self, parameters: dict[str, Any]) -> dict[str, Any]:
        identity = parameters["FileSystemId"]
        mount = self._available(identity)
        if self._tasks.active_on(identity):
            raise AwsError("DataRepositoryTaskExecuting", "A data repository task is in progress on this file system.")
        require_place(mount, parameters["Report"])
        pending = [
            dra for dra in mount.associations if self._current(self._associations[dra])["Lifecycle"] != "AVAILABLE"
        ]
        if pending or not mount.associations:
            raise AwsError(
                "BadRequest", f"File system '{identity}' has no data repository association that is AVAILABLE."
            )
        task: Task = self._tasks.start(mount, parameters)
        return task.answer()

    @operation("fsx", "DescribeDataRepositoryTasks")
    def describe_data_repository_tasks(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Tasks by id, by filter, or all."""
        tasks = [self._tasks.get(identity) for identity in parameters.get("TaskIds") or self._tasks.identities()]
        answers = filtered([task.answer() for task in tasks], parameters, TASK_FILTERS)
        found, token = page(answers, parameters.get("MaxResults"), parameters.get("NextToken"))
        return {"DataRepositoryTasks": found, **token}

    @operation("fsx", "CancelDataRepositoryTask")
    def cancel_data_repository_task(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Cancel a task that has not ended; what was copied stays."""
        task = self._tasks.get(parameters["TaskId"])
        if task.lifecycle not in ACTIVE:
            raise AwsError("DataRepositoryTaskEnded", f"Task '{task.identity}' has ended.")
        self._tasks.cancel(task)
        return {"TaskId": task.identity, "Lifecycle": "CANCELING"}
