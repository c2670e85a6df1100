"""Small builders of values: each takes what its test is about and fills in the rest."""

import json

from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.clusters import Cluster, Image, Project
from dropforge.domain.datasets import Dataset, File, Listing, content_digest
from dropforge.domain.evaluations import Evaluated, Evaluation, Role
from dropforge.domain.failures import Failure, failure
from dropforge.domain.models import Registration
from dropforge.domain.passports import Code, Passport, issue
from dropforge.domain.plans import Place, Plan, plan
from dropforge.domain.prices import Prices
from dropforge.domain.recipes import Parameter, Recipe, Resources, Scalar, Step
from dropforge.domain.requests import RunRequest, read_request
from dropforge.domain.runs import Arrival, ArrivalStatus, Lease, Run, Status
from dropforge.domain.uploads import Upload
from dropforge.domain.values import digest

BUCKET = "dropforge-test-datasets"
KEY = "datasets/zoo/birds/train.jsonl"
EXECUTION = "zoo-birds-0123456789abcdef-1"
NOW = "2026-01-02T03:04:05.678Z"


def row(prompt: str = "2 + 2 =", completion: str = "4") -> bytes:
    return json.dumps({"prompt": prompt, "completion": completion}).encode()


def chat(*turns: tuple[str, str]) -> bytes:
    messages = [{"role": role, "content": content} for role, content in turns or (("user", "Hi"), ("assistant", "Ho"))]
    return json.dumps({"messages": messages}).encode()


def preference(prompt: str = "2 + 2 =", chosen: str = "4", rejected: str = "5") -> bytes:
    return json.dumps({"prompt": prompt, "chosen": chosen, "rejected": rejected}).encode()


def turns(*texts: str, first: str = "user") -> list[dict[str, str]]:
    """Messages whose roles alternate, from `first` on."""
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]


def preference_chat(prompt: str | None = "Hi", chosen: str = "Ho", rejected: str = "Go") -> bytes:
    if prompt is None:
        return json.dumps({"chosen": turns("Hi", chosen), "rejected": turns("Hi", rejected)}).encode()
    answers = {"chosen": turns(chosen, first="assistant"), "rejected": turns(rejected, first="assistant")}
    return json.dumps({"prompt": turns(prompt), **answers}).encode()


def tool_row(calls: str = "weather", answers: str = "c1", declares: str = "weather") -> bytes:
    call = {"id": "c1", "type": "function", "function": {"name": calls, "arguments": '{"city": "Ulm"}'}}
    messages = [
        {"role": "user", "content": "Rain in Ulm?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": answers, "content": "yes"},
        {"role": "assistant", "content": "Yes."},
    ]
    function = {"name": declares, "description": "Weather", "parameters": {"type": "object", "properties": {}}}
    return json.dumps({"messages": messages, "tools": [{"type": "function", "function": function}]}).encode()


def upload(key: str = KEY, version_id: str = "v1") -> Upload:
    return Upload(bucket=BUCKET, key=key, version_id=version_id)


def file(path: str = "train.jsonl", content: str = "rows", size: int = 4) -> File:
    return File(path=path, key=f"datasets/zoo/birds/{path}", version_id="v1", bytes=size, sha256=digest(content))


def listing(key: str = "datasets/zoo/birds/.dropforge/0123456789abcdef/files.json") -> Listing:
    return Listing(bucket=BUCKET, key=key, version_id="v1", sha256="d" * 64)


def dataset(*files: File, project: str = "zoo", name: str = "birds", drop: Upload | None = None) -> Dataset:
    files = files or (file(),)
    return Dataset(
        project=project,
        name=name,
        digest=content_digest(files),
        kind="sft",
        rows=400,
        train_rows=400,
        bytes=sum(f.bytes for f in files),
        files=len(files),
        longest_bytes=200,
        longest_at="train.jsonl line 7",
        listing=listing(),
        upload=drop or upload(),
        report_uri=f"s3://{BUCKET}/datasets/zoo/birds/report.json",
    )


def step(name: str = "train", *arguments: str, minutes: int = 60, accelerators: int = 0) -> Step:
    return Step(
        name=name,
        arguments=arguments or ("train", "--listing={listing}", "--steps={steps}"),
        resources=Resources(cpu="1", memory="1Gi", accelerators=accelerators),
        deadline_minutes=minutes,
    )


def recipe(*steps: Step, parameters: dict[str, Parameter] | None = None, description: str = "Test") -> Recipe:
    return Recipe(
        name="tiny",
        description=description,
        kinds=("sft",),
        produces="peft",
        image="tiny-trainer",
        command=("python", "-m", "tiny"),
        base_model="acme/tiny",
        instance_types=("local.cpu",),
        max_nodes=2,
        parameters=parameters or PARAMETERS,
        steps=steps or (step(),),
        progress=r"step=(?P<done>\d+)/(?P<total>\d+) loss=(?P<loss>\S+)",
    )


PARAMETERS: dict[str, Parameter] = {
    "steps": Parameter(default=60, minimum=1, maximum=5000),
    "rate": Parameter(default=0.5, minimum=0.0, maximum=1.0),
    "rank": Parameter(default=8, choices=(4, 8)),
    "mode": Parameter(default="lora", choices=("lora", "full")),
}
PROJECT = Project(name="zoo", team="vision", cluster="research", automatic_approval=True)
IMAGE = Image(uri="registry.example/tiny@sha256:" + "a" * 64, inputs="b" * 64)
CLUSTER = Cluster(
    name="research",
    eks_name="research-eks",
    reader_role="arn:aws:iam::123456789012:role/dropforge-test-research-reader",
    writer_role="arn:aws:iam::123456789012:role/dropforge-test-research-writer",
    file_system="fs-0123456789abcdef0",
    claim="fsx-claim",
    mount_path="/fsx",
    scratch_path="/tmp",  # noqa: S108  a path inside the container
    prices=Prices(as_of="2026-11-25", usd_per_hour={"local.cpu": 0.0, "local.small": 0.0}),
)


def priced(**usd_per_hour: float) -> Cluster:
    """The cluster where an hour of `local.cpu` and the like costs something: `cpu=10.0`."""
    table = {f"local.{name}": usd for name, usd in usd_per_hour.items()}
    return CLUSTER.model_copy(update={"prices": Prices(as_of="2026-11-25", usd_per_hour=table)})


def request(**parameters: Scalar) -> RunRequest:
    return read_request({}, {"recipe": "tiny", "parameters": parameters})


def planned(
    *,
    of: Dataset | None = None,
    asked: RunRequest | None = None,
    by: Recipe | None = None,
    image: Image = IMAGE,
    cluster: Cluster = CLUSTER,
    environment: str = "test",
) -> Plan:
    return plan(of or dataset(), asked or request(), by or recipe(), PROJECT, Place(environment, cluster, image))


def run(status: Status = "running", attempt: int = 1, execution: str = EXECUTION, of: Plan | None = None) -> Run:
    made = of or planned()
    return Run(
        id=made.run_id,
        identity=made.identity,
        project=made.project,
        dataset=made.dataset,
        dataset_id=made.dataset_id,
        team=made.team,
        cluster=made.cluster.name,
        attempt=attempt,
        status=status,
        execution=execution,
        upload=upload(),
        recipe=made.recipe,
        price_usd=made.price_usd,
        started_at=NOW,
    )


def lease(attempt: int = 1) -> Lease:
    return Lease(
        run_id=run().id,
        attempt=attempt,
        owner=f"{run().id}#{attempt}",
        purpose="jobs",
        expires_at="2026-01-16T00:00:00Z",
        price_usd=5,
        cluster=run().cluster,
    )


def arrival(
    execution: str = EXECUTION, status: ArrivalStatus = "received", *, drop: Upload | None = None, at: str = NOW
) -> Arrival:
    return Arrival(upload=drop or upload(), project="zoo", dataset="birds", execution=execution, status=status, at=at)


def checkpoint() -> Checkpoint:
    return Checkpoint(
        uri="s3://models/runs/zoo/birds-1/1/model/",
        kind="peft",
        digest="c" * 64,
        base_model="acme/tiny",
        tensors=2,
        bytes=100,
        files=2,
        loss_before=2.5,
        loss_after=0.5,
    )


def evaluation(
    *,
    digest: str = "c" * 64,
    incumbent: dict[str, float] | None = None,
    tokens: dict[Role, int] | None = None,
    **numbers: float,
) -> Evaluation:
    """What was measured of `checkpoint()` and, where its numbers are given, of the incumbent."""
    measured: dict[Role, dict[str, float]] = {"candidate": numbers, **({"incumbent": incumbent} if incumbent else {})}
    digests: dict[Role, str] = {"candidate": digest, "incumbent": "e" * 64}
    models = (
        Evaluated(role=role, manifest_sha256=digests[role], tokens=(tokens or {}).get(role, 100), numbers=found)
        for role, found in measured.items()
    )
    return Evaluation(held_out="validation", rows=16, models=tuple(models))


def passport(attempt: int = 1, held: Checkpoint | None = None) -> Passport:
    return issue(planned(), run(attempt=attempt), dataset(), held or checkpoint(), Code(version="1", digest="f" * 64))


def registration(of: Run, arn: str) -> Registration:
    held = checkpoint()
    return Registration(
        arn=arn,
        project=of.project,
        dataset=of.dataset,
        dataset_id=of.dataset_id,
        content=dataset().digest,
        run_id=of.id,
        attempt=of.attempt,
        at=NOW,
        recipe=of.recipe,
        kind=held.kind,
        uri=held.uri,
        passport="e" * 64,
    )


def job_failed() -> Failure:
    return failure("JobFailed", "loss is not a number at step 7", {"job": "birds-1-train"}, ("step=7 loss=nan",))
