"""A cluster with a team on it, where submit_job's jobs really run: a program that a test writes itself."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from dropforge import naming
from dropforge.adapters import admissions, aws, clock, ledger
from dropforge.domain import onboarding
from dropforge.domain.clusters import Cluster
from dropforge.domain.plans import Plan
from dropforge.domain.runs import Run
from kubernetes.client import BatchV1Api, CoreV1Api

from localcloud.aws.access_entries import Entry
from localcloud.eks_tokens import EksTokens
from localcloud.kubernetes import Image, LocalCluster
from localcloud.team import prepare_team
from tests import builders
from tests.contracts.repository import Document
from tests.functions.lustre import Lustre, lustre
from tests.functions.wires import ACCOUNT, answering, body_of, reachable, reply
from tests.patience import eventually

DIGEST = "sha256:" + "a" * 64
PROGRAM = (
    "import runpy, os, sys\nrunpy.run_path(os.path.join(os.environ['SITE'], sys.argv[sys.argv.index('--job') + 1]))\n"
)
DONE = """
import json, os
print("step=1/2 loss=2.0"); print("step=2/2 loss=1.0", flush=True)
open(os.environ["TERMINATION_MESSAGE_PATH"], "w").write(json.dumps({"step": "train", "ok": True, "manifest_sha256": "c" * 64}))
"""
SLEEPS = 'import time\nprint("step=1/9 loss=2.0", flush=True)\ntime.sleep(60)\n'
FAILS = 'print("step=1/9 loss=nan", flush=True)\nraise SystemExit(3)\n'


@dataclass
class Site:
    """One cluster and one team; a test's runs are told apart by their execution."""

    cluster: LocalCluster
    spec: Cluster
    programs: Path
    entries: dict[str, Entry]
    skew: list[timedelta]
    tokens: list[tuple[str, Document]] = field(default_factory=list)
    lustre: Lustre = field(default_factory=Lustre)

    def __post_init__(self) -> None:
        self.batch = BatchV1Api(self.cluster.client())
        self.core = CoreV1Api(self.cluster.client())
        self.namespace = naming.namespace(builders.PROJECT.team)

    def plan(self, name: str, program: str) -> Plan:
        """The plan of a run whose one job is a program."""
        (self.programs / name).write_text(program)
        recipe = builders.recipe(builders.step("train", "train", "--job", name))
        asked = builders.request().model_copy(update={"repeat": name})  # another run than every other test's
        made = builders.planned(asked=asked, by=recipe)
        return made.model_copy(update={"cluster": self.spec, "image": f"registry.example/tiny@{DIGEST}"})

    def claim(self, plan: Plan, execution: str) -> Run:
        """The run, held by an execution."""
        ledger.bind_upload(builders.arrival(execution))
        return admissions.claim(plan, builders.dataset(), execution).run

    def submission(self, plan: Plan, run: Run, token: str = "token-1") -> Document:
        """What SubmitJob is asked."""
        return {
            "plan": plan.model_dump(mode="json"),
            "dataset": builders.dataset().model_dump(mode="json"),
            "run": run.model_dump(mode="json"),
            "step": plan.steps[-1].model_dump(mode="json"),
            "token": token,
        }

    def jobs(self, run: Run) -> list[str]:
        found = self.batch.list_namespaced_job(self.namespace, label_selector=f"dropforge.dev/run={run.id}").items
        return [job.metadata.name for job in found]

    def pods(self, run: Run) -> list[str]:
        found = self.core.list_namespaced_pod(self.namespace, label_selector=f"dropforge.dev/run={run.id}").items
        return [pod.metadata.name for pod in found]

    def phase(self, run: Run) -> str:
        """The phase of a run's one pod; empty while there is none."""
        found = self.core.list_namespaced_pod(self.namespace, label_selector=f"dropforge.dev/run={run.id}").items
        return str(found[0].status.phase) if found else ""

    def job_is(self, run: Run, kind: str) -> None:
        """Wait until a run's job has a condition."""

        def there() -> bool:
            (job,) = self.batch.list_namespaced_job(self.namespace, label_selector=f"dropforge.dev/run={run.id}").items
            return any(c.type == kind and c.status == "True" for c in (job.status and job.status.conditions) or [])

        until(there)

    def said(self, run: Run) -> str:
        """The log of a run's one pod."""
        (pod,) = self.pods(run)
        raw = self.core.read_namespaced_pod_log(pod, self.namespace, _preload_content=False)
        return str(raw.data.decode())

    def answer_token(self, request: AWSPreparedRequest) -> AWSResponse:
        """Step Functions, hearing of a task token's end."""
        body = body_of(request)
        self.tokens.append((body.pop("taskToken"), body))
        return reply(request, {})


until = partial(eventually, seconds=15)


@contextmanager
def one_cluster(folder: Path) -> Iterator[Site]:
    """A cluster with the team of the builders on it."""
    root, programs = folder / "image", folder / "programs"
    (root / "tiny").mkdir(parents=True)
    programs.mkdir()
    (root / "tiny" / "__main__.py").write_text(PROGRAM)
    images = {"tiny": Image("tiny", DIGEST, root, {"SITE": str(programs)})}
    skew = [timedelta(0)]  # how much later it is at the cluster
    paths = {"claim": "fsx", "mount_path": str(folder), "scratch_path": str(folder)}
    spec = builders.CLUSTER.model_copy(update=paths)
    roles = {spec.reader_role: "reader", spec.writer_role: "writer"}
    entries = {
        arn: {"username": f"{role}/{{{{SessionName}}}}", "kubernetesGroups": [onboarding.group(role)], "policies": {}}
        for arn, role in roles.items()
    }
    tokens = EksTokens(spec.eks_name, ACCOUNT, entries.get, lambda: clock.now() + skew[0])

    def later() -> float:
        return skew[0].total_seconds()

    with LocalCluster(
        spec.eks_name,
        folder / "cluster",
        images=images,
        speed=100,
        tokens=tokens,
        ahead=later,
    ) as cluster:
        prepare_team(cluster, builders.PROJECT.team, cpu="1")
        yield Site(cluster, spec, programs, entries, skew)


@contextmanager
def connected(site: Site) -> Iterator[Site]:
    """The site as a function finds it: its spec in the parameters, its address at EKS, its file system, task tokens heard."""
    name = f"/dropforge/test/clusters/{site.spec.name}/spec"
    aws.ssm().put_parameter(Name=name, Value=site.spec.model_dump_json(), Type="String")
    site.tokens.clear()
    sfn = aws.stepfunctions()
    with (
        lustre() as site.lustre,
        reachable(site.cluster, site.entries),
        answering(sfn, "SendTaskSuccess", site.answer_token),
        answering(sfn, "SendTaskFailure", site.answer_token),
    ):
        yield site
    site.cluster.accept()
    site.cluster.resume()
    site.batch.delete_collection_namespaced_job(site.namespace, propagation_policy="Background")
    until(lambda: not site.core.list_namespaced_pod(site.namespace).items)


@contextmanager
def writes() -> Iterator[Counter[str]]:
    """Count what is written to the ledger."""
    seen: Counter[str] = Counter()

    def count(request: AWSPreparedRequest) -> None:
        seen[body_of(request).get("Item", {}).get("sk", {}).get("S", "").partition("#")[0]] += 1

    with answering(aws.dynamodb(), "PutItem", count):
        yield seen
