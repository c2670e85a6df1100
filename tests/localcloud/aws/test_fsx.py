import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.aws import LocalAws
from tests.localcloud.aws.conftest import eventually

IMPORT, EXPORT = "IMPORT_METADATA_FROM_REPOSITORY", "EXPORT_TO_REPOSITORY"
LUSTRE = {"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """Fast enough that a file system is there after half a second."""
    with LocalAws(tmp_path_factory.mktemp("aws"), speed=600) as cloud:
        cloud.client("s3").create_bucket(Bucket="data")
        yield cloud


@pytest.fixture(scope="module")
def fsx(aws: LocalAws) -> Any:
    return aws.client("fsx")


def create(fsx: Any, **parameters: Any) -> str:
    request = {
        "FileSystemType": "LUSTRE",
        "StorageCapacity": 1200,
        "SubnetIds": ["subnet-0123456789abcdef0"],
        "LustreConfiguration": LUSTRE,
    }
    return str(fsx.create_file_system(**request | parameters)["FileSystem"]["FileSystemId"])


def lifecycle(fsx: Any, identity: str) -> str:
    return str(fsx.describe_file_systems(FileSystemIds=[identity])["FileSystems"][0]["Lifecycle"])


def available(fsx: Any) -> str:
    identity = create(fsx)
    eventually(lambda: lifecycle(fsx, identity) == "AVAILABLE")
    return identity


def link(fsx: Any, file_system: str, path: str, prefix: str, **parameters: Any) -> str:
    """An association that is AVAILABLE."""
    made = fsx.create_data_repository_association(
        FileSystemId=file_system, FileSystemPath=path, DataRepositoryPath=f"s3://data/{prefix}", **parameters
    )["Association"]
    identity = str(made["AssociationId"])

    def ready() -> bool:
        found = fsx.describe_data_repository_associations(AssociationIds=[identity])["Associations"][0]
        return bool(found["Lifecycle"] == "AVAILABLE")

    eventually(ready)
    return identity


def begin(fsx: Any, file_system: str, kind: str, *paths: str, **parameters: Any) -> str:
    request = {"Type": kind, "FileSystemId": file_system, "Paths": list(paths), "Report": {"Enabled": False}}
    return str(fsx.create_data_repository_task(**request | parameters)["DataRepositoryTask"]["TaskId"])


def describe(fsx: Any, task: str) -> dict[str, Any]:
    found: dict[str, Any] = fsx.describe_data_repository_tasks(TaskIds=[task])["DataRepositoryTasks"][0]
    return found


def ended(fsx: Any, task: str) -> dict[str, Any]:
    found: dict[str, Any] = eventually(
        lambda: (t := describe(fsx, task))["Lifecycle"] in ("SUCCEEDED", "FAILED", "CANCELED") and t
    )
    return found


def test_a_file_system_is_created_before_it_is_available(fsx: Any) -> None:
    identity = create(fsx)
    assert lifecycle(fsx, identity) == "CREATING"
    assert eventually(lambda: lifecycle(fsx, identity) == "AVAILABLE")
    found = fsx.describe_file_systems(FileSystemIds=[identity])["FileSystems"][0]
    assert found["LustreConfiguration"]["MountName"]
    assert found["DNSName"].startswith(identity)


def test_a_token_makes_creation_idempotent(fsx: Any) -> None:
    first = create(fsx, ClientRequestToken="once")
    assert create(fsx, ClientRequestToken="once") == first
    with pytest.raises(fsx.exceptions.IncompatibleParameterError):
        create(fsx, ClientRequestToken="once", StorageCapacity=2400)


def test_an_unknown_file_system_is_not_found(fsx: Any) -> None:
    with pytest.raises(fsx.exceptions.FileSystemNotFound):
        fsx.describe_file_systems(FileSystemIds=["fs-00000000000000000"])


def test_associations_do_not_overlap_and_are_at_most_eight(fsx: Any) -> None:
    file_system = available(fsx)
    link(fsx, file_system, "/a", "a/")
    for path, prefix in (("/a/b", "x/"), ("/", "x/"), ("/c", "a/")):
        with pytest.raises(fsx.exceptions.BadRequest):
            link(fsx, file_system, path, prefix)
    for number in range(7):
        link(fsx, file_system, f"/n{number}", f"n{number}/")
    with pytest.raises(fsx.exceptions.ServiceLimitExceeded):
        link(fsx, file_system, "/ninth", "ninth/")


def test_an_import_brings_objects_into_the_folder(aws: LocalAws, fsx: Any) -> None:
    aws.client("s3").put_object(Bucket="data", Key="in/set/train.jsonl", Body=b"one")
    aws.client("s3").put_object(Bucket="data", Key="in/other.txt", Body=b"two")
    file_system = available(fsx)
    link(fsx, file_system, "/datasets", "in/")
    task = ended(fsx, begin(fsx, file_system, IMPORT, "s3://data/in/set"))
    assert (task["Lifecycle"], task["Status"]["SucceededCount"], task["Status"]["FailedCount"]) == ("SUCCEEDED", 1, 0)
    assert (aws.fsx_folder(file_system) / "datasets/set/train.jsonl").read_bytes() == b"one"
    assert not (aws.fsx_folder(file_system) / "datasets/other.txt").exists()


def test_an_export_copies_what_is_new_or_changed(aws: LocalAws, fsx: Any) -> None:
    file_system = available(fsx)
    link(fsx, file_system, "/runs", "out")
    folder = aws.fsx_folder(file_system) / "runs/r1"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"weights")
    (folder / "log.txt").write_bytes(b"log")
    assert ended(fsx, begin(fsx, file_system, EXPORT, "runs/r1"))["Status"]["TotalCount"] == 2
    assert aws.client("s3").get_object(Bucket="data", Key="out/r1/model.bin")["Body"].read() == b"weights"
    (folder / "log.txt").write_bytes(b"longer log")
    task = ended(fsx, begin(fsx, file_system, EXPORT, "runs/r1"))
    assert (task["Lifecycle"], task["Status"]["TotalCount"]) == ("SUCCEEDED", 1)
    assert aws.client("s3").get_object(Bucket="data", Key="out/r1/log.txt")["Body"].read() == b"longer log"


@pytest.mark.parametrize("path", ["runs/missing", "elsewhere"])
def test_a_path_that_cannot_be_exported_fails_the_task(aws: LocalAws, fsx: Any, path: str) -> None:
    file_system = available(fsx)
    link(fsx, file_system, "/runs", f"bad-{path}/")
    (aws.fsx_folder(file_system) / "elsewhere").mkdir()
    task = ended(fsx, begin(fsx, file_system, EXPORT, path))
    assert task["Lifecycle"] == "FAILED"
    assert path in task["FailureDetails"]["Message"]


def test_a_file_that_cannot_be_copied_is_counted(aws: LocalAws, fsx: Any) -> None:
    file_system = available(fsx)
    link(fsx, file_system, "/counted", "counted/")
    for name in ("a", "b"):
        (aws.fsx_folder(file_system) / "counted" / name).write_text(name)
    aws.fault("s3", "PutObject", "SlowDown", times=1, status=503)
    task = ended(fsx, begin(fsx, file_system, EXPORT, "counted"))
    assert task["Lifecycle"] == "FAILED"
    assert (task["Status"]["SucceededCount"], task["Status"]["FailedCount"]) == (1, 1)


def report_to(path: str) -> dict[str, Any]:
    return {"Enabled": True, "Path": path, "Format": "REPORT_CSV_20191124", "Scope": "FAILED_FILES_ONLY"}


def test_files_that_could_not_be_exported_are_in_the_report(aws: LocalAws, fsx: Any) -> None:
    file_system = available(fsx)
    link(fsx, file_system, "/told", "told/")
    for name in ("good", "bad, worse"):
        (aws.fsx_folder(file_system) / "told" / name).write_text(name)
    aws.spoil_files("worse", "fails")
    task = ended(fsx, begin(fsx, file_system, EXPORT, "told", Report=report_to("s3://data/told/reports")))
    aws.reset_faults()
    body = aws.client("s3").get_object(Bucket="data", Key=f"told/reports/{task['TaskId']}/failures.csv")["Body"].read()
    assert (task["Lifecycle"], task["Status"]["FailedCount"]) == ("FAILED", 1)
    assert body.decode().strip() == '"told/bad, worse",failed,S3AccessDenied'


def test_a_report_must_lie_in_an_association(fsx: Any) -> None:
    file_system = available(fsx)
    link(fsx, file_system, "/within", "within/")
    for path in ("s3://data/elsewhere", "s3://other/within/reports"):
        with pytest.raises(fsx.exceptions.BadRequest):
            begin(fsx, file_system, EXPORT, "within", Report=report_to(path))


def test_s3_has_a_crc_of_what_was_exported_and_a_bit_that_flips_on_the_way_shows_in_it(aws: LocalAws, fsx: Any) -> None:
    file_system = available(fsx)
    link(fsx, file_system, "/summed", "summed/")
    for name in ("whole", "flipped"):
        (aws.fsx_folder(file_system) / "summed" / name).write_bytes(b"123456789")
    aws.spoil_files("flipped", "flips")
    ended(fsx, begin(fsx, file_system, EXPORT, "summed"))
    aws.reset_faults()
    heads = [
        aws.client("s3").head_object(Bucket="data", Key=f"summed/{name}", ChecksumMode="ENABLED")
        for name in ("whole", "flipped")
    ]
    listed = aws.client("s3").list_objects_v2(Bucket="data", Prefix="summed/")["Contents"]
    assert heads[0]["ChecksumCRC64NVME"] == "rosUhgp5mIg="  # the catalogue's check value, ae8b14860a799888
    assert heads[1]["ChecksumCRC64NVME"] != heads[0]["ChecksumCRC64NVME"]
    assert [item["ChecksumAlgorithm"] for item in listed] == [["CRC64NVME"]] * 2


def test_tasks_come_one_at_a_time_and_keep_the_file_system(aws: LocalAws, fsx: Any) -> None:
    file_system = available(fsx)
    link(fsx, file_system, "/one", "one/")
    aws.hang_fsx_task()
    task = begin(fsx, file_system, EXPORT, "one")
    eventually(lambda: describe(fsx, task)["Lifecycle"] == "EXECUTING")
    with pytest.raises(fsx.exceptions.DataRepositoryTaskExecuting):
        begin(fsx, file_system, EXPORT, "one")
    with pytest.raises(fsx.exceptions.BadRequest):
        fsx.delete_file_system(FileSystemId=file_system)
    fsx.cancel_data_repository_task(TaskId=task)
    assert ended(fsx, task)["Lifecycle"] == "CANCELED"
    with pytest.raises(fsx.exceptions.DataRepositoryTaskEnded):
        fsx.cancel_data_repository_task(TaskId=task)


def test_a_task_can_be_made_to_fail(aws: LocalAws, fsx: Any) -> None:
    file_system = available(fsx)
    link(fsx, file_system, "/spoiled", "spoiled/")
    aws.fail_fsx_task("the file server restarted")
    task = ended(fsx, begin(fsx, file_system, EXPORT, "spoiled"))
    assert (task["Lifecycle"], task["FailureDetails"]) == ("FAILED", {"Message": "the file server restarted"})
    assert ended(fsx, begin(fsx, file_system, EXPORT, "spoiled"))["Lifecycle"] == "SUCCEEDED"


def test_tasks_are_found_by_filter_and_created_once_per_token(fsx: Any) -> None:
    file_system = available(fsx)
    link(fsx, file_system, "/found", "found/")
    task = begin(fsx, file_system, EXPORT, "found", ClientRequestToken="task-token")
    ended(fsx, task)
    assert begin(fsx, file_system, EXPORT, "found", ClientRequestToken="task-token") == task
    filters = [{"Name": "file-system-id", "Values": [file_system]}]
    assert [t["TaskId"] for t in fsx.describe_data_repository_tasks(Filters=filters)["DataRepositoryTasks"]] == [task]


def test_an_operation_can_be_made_to_fail(aws: LocalAws, fsx: Any) -> None:
    aws.fault("fsx", "DescribeFileSystems", "InternalServerError", status=500)
    with pytest.raises(fsx.exceptions.InternalServerError):
        fsx.describe_file_systems()
    assert fsx.describe_file_systems()["FileSystems"]


def test_a_deleted_file_system_goes_away_with_its_folder(aws: LocalAws, fsx: Any) -> None:
    identity = available(fsx)
    folder: Path = aws.fsx_folder(identity)
    assert fsx.delete_file_system(FileSystemId=identity)["Lifecycle"] == "DELETING"
    assert not folder.exists()

    def gone() -> bool:
        try:
            fsx.describe_file_systems(FileSystemIds=[identity])
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "FileSystemNotFound")
        return False

    assert eventually(gone)


def test_a_task_takes_its_time(fsx: Any) -> None:
    file_system = available(fsx)
    link(fsx, file_system, "/slow", "slow/")
    started = time.monotonic()
    task = begin(fsx, file_system, EXPORT, "slow")
    assert describe(fsx, task)["Lifecycle"] in ("PENDING", "EXECUTING")
    ended(fsx, task)
    assert time.monotonic() - started >= 20 / 600


def test_a_function_cannot_reach_a_denied_file_system(
    aws: LocalAws, fsx: Any, function: Callable[..., str], invoke: Callable[..., tuple[Any, str]]
) -> None:
    aws.client("iam").create_role(RoleName="test", AssumeRolePolicyDocument="{}")
    aws.deny(aws.folder / "fsx")
    function("peeks", "import os\ndef handler(event, context):\n    return os.listdir(event['path'])\n")
    payload, _ = invoke("peeks", {"path": str(aws.fsx_folder(create(fsx)))})
    assert payload["errorType"] == "PermissionError"


def test_tasks_are_found_by_file_system_and_carry_their_tags(fsx: Any) -> None:
    first, second = available(fsx), available(fsx)
    for file_system in (first, second):
        link(fsx, file_system, "/tagged", f"{file_system}/")
    tags = [{"Key": "dropforge:run", "Value": "birds-1"}]
    tasks = [begin(fsx, file_system, IMPORT, Tags=tags) for file_system in (first, second)]
    filters = [{"Name": "file-system-id", "Values": [second]}]
    (found,) = fsx.describe_data_repository_tasks(Filters=filters)["DataRepositoryTasks"]
    assert (found["TaskId"], found["FileSystemId"], found["Tags"]) == (tasks[1], second, tags)
