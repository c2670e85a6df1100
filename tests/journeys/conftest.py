"""One embedded cloud for all journeys; every test uses a dataset name of its own, so that none sees another's."""

import json
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from dropforge import naming
from kubernetes.client import BatchV1Api, CoreV1Api

from localcloud.cloud import CLUSTER, PROJECT, TEAM, LocalCloud

NAMESPACE = naming.namespace(TEAM)
RANGES = {"CheckRangeBytes": "60000"}  # so that a drop need not be 2 GiB to be read by several functions
OVER = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


class Journeys:
    """What tests do with the cloud, and what they read back from it."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.bucket = cloud.outputs["DatasetsBucket"]
        self.models = cloud.outputs["ModelsBucket"]
        self.machine = cloud.outputs["Machine"]
        self.batch = BatchV1Api(cloud.cluster.client())
        self.core = CoreV1Api(cloud.cluster.client())

    def put(self, key: str, body: bytes) -> dict[str, str]:
        """Upload an object and return the upload."""
        answer = self.cloud.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)
        return {"bucket": self.bucket, "key": key, "version_id": answer["VersionId"]}

    def drop(self, dataset: str, body: bytes, name: str = "train.jsonl") -> dict[str, str]:
        """Drop a single-file dataset."""
        return self.put(f"datasets/{PROJECT}/{dataset}/{name}", body)

    def drop_with_request(
        self, dataset: str, body: bytes, run: dict[str, Any], *, held_out: bytes = b"", upload: str = "u1"
    ) -> dict[str, str]:
        """Drop a dataset, with or without held-out rows, whose manifest carries a run request."""
        folder = f"datasets/{PROJECT}/{dataset}/{upload}"
        named = {"train.jsonl": body, **({"validation.jsonl": held_out} if held_out else {})}
        files = [{"path": path, "sha256": sha256(b).hexdigest(), "bytes": len(b)} for path, b in named.items()]
        for path, content in named.items():
            self.put(f"{folder}/{path}", content)
        return self.put(f"{folder}/manifest.json", json.dumps({"files": files, "run": run}).encode())

    def execution_of(self, upload: dict[str, str], seconds: float = 30) -> str:
        """Wait for the execution that an upload starts and return its name."""
        marker = naming.upload(upload["bucket"], upload["key"], upload["version_id"])
        sfn = self.cloud.client("stepfunctions")

        def find() -> str | None:
            found = sfn.list_executions(stateMachineArn=self.machine)["executions"]
            return next((e["name"] for e in found if marker in e["name"]), None)

        return str(until(find, seconds))

    def arn(self, execution: str) -> str:
        """Return the ARN of an execution."""
        return self.machine.replace(":stateMachine:", ":execution:") + f":{execution}"

    def stop(self, execution: str) -> None:
        """Stop an execution by hand."""
        self.cloud.client("stepfunctions").stop_execution(executionArn=self.arn(execution))

    def describe(self, execution: str) -> dict[str, Any]:
        """Return Step Functions' own description of an execution."""
        answer: dict[str, Any] = self.cloud.client("stepfunctions").describe_execution(executionArn=self.arn(execution))
        return answer

    def finish(self, execution: str, seconds: float = 90) -> dict[str, Any]:
        """Wait for an execution to end and return its description."""
        until(lambda: self.describe(execution)["status"] in OVER, seconds)
        return self.describe(execution)

    def journey(self, reference: str) -> dict[str, Any]:
        """Return what DescribeRun says of a reference."""
        status, journey = self.act("describe-run", reference)
        assert status == 200, journey
        return journey

    def recorded_failure(self, execution: str) -> dict[str, Any]:
        """Wait until a failure is in the ledger and return the journey."""

        def recorded() -> bool:
            journey = self.journey(execution)
            arrival, run = journey["arrival"], journey["run"]
            over = arrival["status"] in ("failed", "rejected")
            return over and (run is None or run["execution"] != execution or run["status"] == "failed")

        until(recorded, 60)
        return self.journey(execution)

    def act(self, function: str, reference: str, key: str = "tests") -> tuple[int, dict[str, Any]]:
        """Ask a function that acts for people by its URL, signed with an access key; return the status and the answer."""
        parameter = f"/dropforge/dev/functions/{function}/url"
        url = self.cloud.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
        body = json.dumps({"run": reference, "reason": "a test wants it"})
        request = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json"})
        SigV4Auth(Credentials(key, "secret"), "lambda", "us-east-1").add_auth(request)
        answer = urllib3.request("POST", url, body=body, headers=dict(request.headers), timeout=60)
        document: dict[str, Any] = answer.json()
        return answer.status, document

    def retry(self, reference: str, seconds: float = 60) -> str:
        """Retry a run once it has ended and nothing of its last attempt is left; return the new execution."""

        def accepted() -> str | None:
            status, answer = self.act("retry-run", reference)
            assert status == 200 or answer["code"] in ("StillEnding", "RunStillRuns"), answer
            return answer.get("execution")

        return str(until(accepted, seconds))

    def log(self, run: dict[str, Any], attempt: int, step: str) -> str:
        """Return the log that was kept of a step's job."""
        key = f"logs/{run['project']}/{run['id']}/{attempt}/{step}.log"
        return str(self.cloud.client("s3").get_object(Bucket=self.models, Key=key)["Body"].read().decode())

    def report(self, run: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Wait until the report of a run's attempt lies beside its model; return its values and its page."""
        prefix, s3 = f"runs/{run['project']}/{run['id']}/{run['attempt']}/report.", self.cloud.client("s3")

        def written() -> bool:
            return "Contents" in s3.list_objects_v2(Bucket=self.models, Prefix=f"{prefix}html")

        until(written, 60)
        bodies = [s3.get_object(Bucket=self.models, Key=prefix + form)["Body"].read() for form in ("json", "html")]
        return json.loads(bodies[0]), bodies[1].decode()

    def attempts_over(self, dataset: str, seconds: float = 60) -> None:
        """Wait until no attempt of a dataset's runs holds a lease."""
        until(lambda: not self.leases(dataset), seconds)

    def run_of(self, execution: str) -> dict[str, Any]:
        """Return the run that an execution has claimed, once it has."""
        named = until(lambda: self.rows(f"EXECUTION#{execution}"), 30)
        return self.rows(f"RUN#{named['EXECUTION']['name']}")["RUN"]

    def packages(self, dataset: str) -> list[str]:
        """Return the model packages of a dataset."""
        group, sagemaker = naming.model_group(PROJECT, dataset), self.cloud.client("sagemaker")
        pages = sagemaker.get_paginator("list_model_package_groups").paginate()
        groups = [found for page in pages for found in page["ModelPackageGroupSummaryList"]]
        if group not in [found["ModelPackageGroupName"] for found in groups]:
            return []
        found = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
        return [package["ModelPackageArn"] for package in found]

    def jobs(self, dataset: str) -> list[str]:
        """Return the Jobs of a dataset's runs."""
        found = self.batch.list_namespaced_job(NAMESPACE).items
        return [job.metadata.name for job in found if job.metadata.name.startswith(f"{dataset}-")]

    def pods(self, dataset: str) -> list[str]:
        """Return the pods of a dataset's runs."""
        found = self.core.list_namespaced_pod(NAMESPACE).items
        return [pod.metadata.name for pod in found if pod.metadata.name.startswith(f"{dataset}-")]

    def rows(self, pk: str) -> dict[str, dict[str, Any]]:
        """Return the ledger's rows of a partition, by sort key."""
        answer = self.cloud.client("dynamodb").query(
            TableName=self.cloud.outputs["Ledger"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
        )
        return {item["sk"]["S"]: json.loads(item["body"]["S"]) for item in answer["Items"]}

    def leases(self, dataset: str) -> list[str]:
        """Return the leases of a dataset's runs."""
        return [key for key in self.rows("LEASE") if key.startswith(f"{dataset}-")]

    def waits(self, dataset: str) -> list[str]:
        """Return what a dataset's runs wait for."""
        return [key for key in self.rows(f"CLUSTER#{CLUSTER}") if key.startswith(f"WAIT#{dataset}-")]


def until(probe: Any, seconds: float) -> Any:
    """Return the first truthy answer of `probe`; fail after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"nothing happened within {seconds} s")


@pytest.fixture(scope="session")
def journeys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journeys]:
    """The embedded cloud, up and ready."""
    with LocalCloud(tmp_path_factory.mktemp("cloud"), speed=200, parameters=RANGES) as cloud:
        yield Journeys(cloud)
        assert cloud.aws.refused() == (), "a function lacks a permission; whoever tries again would hide it"


@pytest.fixture
def calm(journeys: Journeys) -> Iterator[None]:
    """Whatever a test has switched on, at AWS or at the cluster, ends with it."""
    yield
    journeys.cloud.aws.reset_faults()
    journeys.cloud.cluster.accept()


@pytest.fixture(scope="session")
def greetings() -> bytes:
    """The sample dataset."""
    return (Path(__file__).parents[2] / "examples" / "greetings" / "train.jsonl").read_bytes()
