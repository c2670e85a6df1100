"""The whole embedded cloud: an AWS account with the template deployed, one cluster with its file system, one team and one project.

What a platform team does once on AWS is done here through the same APIs, so that nothing in the product has to know where it runs.
"""

import hashlib
import json
import os
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from dropforge import naming
from dropforge.domain import onboarding
from dropforge.domain.onboarding import FileSystem

from localcloud.aws.deploy import deploy
from localcloud.aws.server import LocalAws
from localcloud.eks_tokens import EksTokens
from localcloud.kubernetes.cluster import LocalCluster
from localcloud.kubernetes.images import Image
from localcloud.team import INSTANCE_TYPE, SMALL, prepare_team

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = "dev"
CLUSTER = "local"
EKS_NAME = "dropforge-local"
PROJECT = "demo"
TEAM = "demo"
LOST_AFTER_SECONDS = 300
LOOK_SECONDS = 10  # a cluster on this machine answers at once
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
TRAINER = ROOT / "containers" / "cpu_trainer"
EVALUATOR = ROOT / "containers" / "evaluator"


class LocalCloud(AbstractContextManager["LocalCloud"]):
    """Start it and use it; everything it made is gone when it stops, except the files in `folder`.

    `speed` divides waits, schedules and the fakes' delays; never a time-out. `parameters` are the template's and `kueue` is Kueue's manager
    configuration, where defaults will not do.
    """

    def __init__(
        self,
        folder: Path,
        speed: float = 60.0,
        port: int = 0,
        parameters: dict[str, str] | None = None,
        kueue: dict[str, Any] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.speed = speed
        self.images = {
            "cpu-trainer": image("cpu-trainer", TRAINER),
            "evaluator": image("evaluator", EVALUATOR, TRAINER),
        }
        self.aws = LocalAws(folder / "aws", speed=speed, port=port)
        self.cluster = LocalCluster(
            EKS_NAME,
            folder / "cluster",
            images={image.repository: image for image in self.images.values()},
            speed=speed,
            tokens=self._tokens(),
            instance_types=(INSTANCE_TYPE, SMALL),
            kueue=kueue or {},
            ahead=self.aws.ahead,
        )
        self.parameters = parameters or {}
        self.outputs: dict[str, str] = {}
        self.file_system = ""
        self._running = ExitStack()

    def __enter__(self) -> "LocalCloud":
        """Start everything."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.stop()

    def start(self) -> None:
        """Start the account and the cluster, deploy the template and set up the team. Returns when a drop would be worked on."""
        with ExitStack() as stack:
            stack.enter_context(self.aws)
            stack.enter_context(self.cluster)
            self.aws.register_cluster(EKS_NAME, self.cluster.endpoint, self.cluster.ca_pem)
            self.file_system = self._make_file_system()
            self.aws.deny(self.fsx)
            defaults = json.dumps(
                {
                    "recipe": "cpu-lora",
                    "compute": {"instance_type": "local.cpu"},
                    "promotion": {"approval": "automatic"},
                }
            )
            lost_after = str(max(1, round(LOST_AFTER_SECONDS / self.speed)))
            parameters = {"Environment": ENVIRONMENT, "DefaultRun": defaults, "SweepAfterSeconds": lost_after}
            parameters["WatchSeconds"] = str(LOOK_SECONDS)
            parameters |= self.parameters
            self.outputs = deploy(self.aws, ROOT / "template.yaml", f"dropforge-{ENVIRONMENT}", parameters)
            self._associate()
            prepare_team(self.cluster, TEAM, file_system=self._mounted())
            self._describe()
            self._running = stack.pop_all()

    def stop(self) -> None:
        """Stop everything. Stopping twice is harmless."""
        self._running.close()

    @property
    def fsx(self) -> Path:
        """The folder that stands for the FSx for Lustre file system."""
        return self.aws.fsx_folder(self.file_system).resolve()

    @property
    def endpoint(self) -> str:
        """The account's endpoint, for `--endpoint-url` and `AWS_ENDPOINT_URL`."""
        return self.aws.endpoint

    def client(self, service: str) -> Any:
        """Return a boto3 client of the account."""
        return self.aws.client(service)

    def _tokens(self) -> EksTokens:
        """Whom the cluster lets in: roles with an access entry, as EKS does."""
        return EksTokens(EKS_NAME, self.aws.account, lambda role: self.aws.access_entry(EKS_NAME, role), self.aws.time)

    def _make_file_system(self) -> str:
        fsx = self.client("fsx")
        made = fsx.create_file_system(
            FileSystemType="LUSTRE",
            StorageCapacity=1200,
            SubnetIds=["subnet-0123456789abcdef0"],
            LustreConfiguration={"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125},
        )
        identity: str = made["FileSystem"]["FileSystemId"]
        _until(
            lambda: fsx.describe_file_systems(FileSystemIds=[identity])["FileSystems"][0]["Lifecycle"] == "AVAILABLE"
        )
        return identity

    def _mounted(self) -> FileSystem:
        found = self.client("fsx").describe_file_systems(FileSystemIds=[self.file_system])["FileSystems"][0]
        mount_name = found["LustreConfiguration"]["MountName"]
        size = found["StorageCapacity"]
        return FileSystem(id=self.file_system, dns_name=found["DNSName"], mount_name=mount_name, gibibytes=size)

    def _associate(self) -> None:
        fsx = self.client("fsx")
        for path, bucket in (("datasets", "DatasetsBucket"), ("exports", "ModelsBucket")):
            fsx.create_data_repository_association(
                FileSystemId=self.file_system,
                FileSystemPath=f"/{path}",
                DataRepositoryPath=f"s3://{self.outputs[bucket]}/{path}/",
            )

        def available() -> bool:
            found = fsx.describe_data_repository_associations()["Associations"]
            return all(association["Lifecycle"] == "AVAILABLE" for association in found)

        _until(available)

    def _describe(self) -> None:
        """Write what the platform team writes: the specs of the cluster, the project and the images, and the cluster's two roles."""
        roles = {kind: self._role(kind) for kind in ("reader", "writer")}
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        cluster = {
            "name": CLUSTER,
            "eks_name": EKS_NAME,
            "small_instance_type": SMALL,
            "reader_role": roles["reader"],
            "writer_role": roles["writer"],
            "file_system": self.file_system,
            "claim": "fsx",
            "mount_path": str(self.fsx),
            "scratch_path": str(scratch.resolve()),
            "prices": {"as_of": "2026-11-25", "usd_per_hour": {INSTANCE_TYPE: 0, SMALL: 0}},  # your own machine
        }
        self._write("clusters", CLUSTER, cluster)
        you = self.client("sts").get_caller_identity()["Arn"]
        who = {"members": [you], "approvers": [you], "self_approval": True, "automatic_approval": True}
        self._write("projects", PROJECT, {"name": PROJECT, "team": TEAM, "cluster": CLUSTER, **who})
        for name, image in self.images.items():
            self._push(image)
            uri = f"{REGISTRY}/{image.repository}@{image.digest}"
            self._write("images", name, {"uri": uri, "inputs": image.digest.partition(":")[2]})

    def _role(self, kind: str) -> str:
        callers = [self._role_of(function) for function in onboarding.CALLERS[kind]]
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"AWS": callers}, "Action": "sts:AssumeRole"}],
        }
        made = self.client("iam").create_role(
            RoleName=f"dropforge-{ENVIRONMENT}-{CLUSTER}-{kind}", AssumeRolePolicyDocument=json.dumps(trust)
        )
        arn = str(made["Role"]["Arn"])
        self.client("eks").create_access_entry(
            clusterName=EKS_NAME, principalArn=arn, kubernetesGroups=[onboarding.group(kind)]
        )
        return arn

    def _role_of(self, function: str) -> str:
        name = naming.function(ENVIRONMENT, function)
        return str(self.client("lambda").get_function_configuration(FunctionName=name)["Role"])

    def _push(self, image: Image) -> None:
        """Put an image into the registry: its name and digest. Nodes here take the files from this machine."""
        media_type = "application/vnd.oci.image.manifest.v1+json"
        self.client("ecr").put_image(
            repositoryName=image.repository,
            imageManifest=json.dumps({"schemaVersion": 2, "mediaType": media_type}),
            imageTag=image.digest.partition(":")[2],
            imageDigest=image.digest,
        )

    def _write(self, nouns: str, name: str, spec: dict[str, Any]) -> None:
        parameter = f"/dropforge/{ENVIRONMENT}/{nouns}/{name}/spec"
        self.client("ssm").put_parameter(Name=parameter, Value=json.dumps(spec), Type="String")


def image(name: str, *folders: Path) -> Image:
    """Return the image that is built from folders, its program in the first. Its digest is that of its sources: another program is another image."""
    sha = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                sha.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    repository, paths = f"dropforge-{ENVIRONMENT}/{name}", os.pathsep.join(map(str, folders))
    return Image(repository, f"sha256:{sha.hexdigest()}", folders[0], {"PYTHONPATH": paths})


def _until(done: Any, seconds: float = 60.0) -> None:
    """Wait until `done()` holds, as an operator would. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"still not done after {seconds:.0f} s")
        time.sleep(0.05)
