"""An AWS account in memory behind boto3, with what the functions need of the stack: table, buckets, bus and machine.

Each test has an account of its own; the clients, which are slow to make and hold nothing, are the functions' own and live for all of them.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import pytest
from dropforge.adapters import aws, connections, settings
from dropforge.domain.uploads import Upload
from moto import mock_aws

from localcloud.aws.lineage import FakeLineage
from localcloud.aws.registry import ModelRegistry
from localcloud.aws.staleness import StaleReads
from tests import builders
from tests.contracts.repository import Document, handler_module, resources
from tests.functions import site, wires
from tests.functions.wires import ACCOUNT

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

REGION: Literal["eu-central-1"] = "eu-central-1"
DATASETS, MODELS, TABLE, BUS = (
    "dropforge-test-datasets",
    "dropforge-test-models",
    "dropforge-test-ledger",
    "dropforge-test",
)
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:dropforge-test-dataset-to-model"
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "ENVIRONMENT": "test",
    "LEDGER_TABLE": TABLE,
    "MODELS_BUCKET": MODELS,
    "DATASETS_BUCKET": DATASETS,
    "CHECK_RANGE_BYTES": "1000000",
    "EVENT_BUS": BUS,
    "MACHINE_ARN": MACHINE,
    "DEFAULT_RUN": '{"recipe": "cpu-lora"}',
}
Call = Callable[[str, Document], Document]


@dataclass(frozen=True)
class Context:
    """The part of Lambda's context that is read."""

    aws_request_id: str = "9b1de3b2-6c43-4f0b-8f0e-2d7a9c1f3a55"


def forget(module: ModuleType) -> None:
    """Drop everything that a module has cached."""
    for cached in vars(module).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


@pytest.fixture(scope="package", autouse=True)
def clients() -> Iterator[None]:
    forget(aws)
    yield
    forget(aws)


@cache
def sqs() -> "SQSClient":
    made: SQSClient = aws.session().create_client("sqs")  # type: ignore[assignment]
    return made


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, setting in ENVIRONMENT.items():
        monkeypatch.setenv(name, setting)
    forget(settings)
    with mock_aws():
        _make_table()
        _make_buckets()
        _make_bus()
        _make_machine()
        yield
    forget(settings)


def _make_table() -> None:
    """The ledger with the keys that the template gives it."""
    wanted = resources("AWS::DynamoDB::Table")["Ledger"]
    aws.dynamodb().create_table(
        TableName=TABLE,
        KeySchema=wanted["KeySchema"],
        AttributeDefinitions=wanted["AttributeDefinitions"],
        BillingMode=wanted["BillingMode"],
    )


def _make_buckets() -> None:
    s3 = aws.s3()
    for bucket in (DATASETS, MODELS):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def _make_bus() -> None:
    """Our bus, with a queue that hears everything on it."""
    queue = sqs().create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs().get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events = aws.events()
    events.create_event_bus(Name=BUS)
    events.put_rule(Name="all", EventBusName=BUS, EventPattern='{"source": ["dropforge"]}')
    events.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "heard", "Arn": arn}])


def _make_machine() -> None:
    definition = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
    aws.stepfunctions().create_state_machine(
        name=MACHINE.rpartition(":")[2],
        definition=json.dumps(definition),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/machine",
    )


@dataclass
class Registry:
    """SageMaker's registry and lineage as the local cloud has them, and what the registry has told the default bus."""

    told: list[Document] = field(default_factory=list)

    def hear(self, _source: str, _kind: str, detail: Document, _resources: list[str]) -> None:
        self.told.append(detail)


@pytest.fixture
def registry(account: None) -> Iterator[Registry]:
    found = Registry()

    def client(_: str) -> Any:
        return aws.sagemaker()

    with wires.served(aws.sagemaker(), ModelRegistry(client, found.hear, StaleReads()), FakeLineage(client)):
        yield found


@pytest.fixture
def call() -> Call:
    """The handlers of the functions, called as Lambda does."""
    return invoke


def invoke(function: str, event: Document) -> Document:
    """Call a function's handler: JSON in, JSON out."""
    answer = handler_module(function).handler(json.loads(json.dumps(event)), Context())
    parsed: Document = json.loads(json.dumps(answer))
    return parsed


@pytest.fixture
def others(call: Call) -> Iterator[wires.Functions]:
    """The functions that the one under test asks or tells."""
    with wires.functions(call) as found:
        yield found


@pytest.fixture(scope="package")
def one_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[site.Site]:
    with site.one_cluster(tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.fixture
def onsite(one_site: site.Site) -> Iterator[site.Site]:
    """A cluster that the functions under test can reach."""
    forget_connections()
    with site.connected(one_site) as found:
        yield found


def forget_connections() -> None:
    connections._CONNECTIONS.clear()


@pytest.fixture
def members() -> str:
    """The project of the tests, and the one who may act on its runs."""
    member = f"arn:aws:iam::{ACCOUNT}:user/ada"
    spec = builders.PROJECT.model_copy(update={"members": (member,)}).model_dump_json()
    aws.ssm().put_parameter(Name="/dropforge/test/projects/zoo/spec", Value=spec, Type="String")
    return member


@pytest.fixture
def announced() -> Callable[[], list[tuple[str, Document]]]:
    """What the bus has heard since it was last asked: detail-type and detail."""

    def read() -> list[tuple[str, Document]]:
        found: list[Any] = sqs().receive_message(QueueUrl="heard", MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs().delete_message(QueueUrl="heard", ReceiptHandle=message["ReceiptHandle"])
        events = [json.loads(message["Body"]) for message in found]
        return [(event["detail-type"], event["detail"]) for event in events]

    return read


@pytest.fixture
def put() -> Callable[[str, bytes], Upload]:
    """Put an object into the datasets bucket and return what an event would say of it."""

    def write(key: str, content: bytes) -> Upload:
        version = aws.s3().put_object(Bucket=DATASETS, Key=key, Body=content)["VersionId"]
        return Upload(bucket=DATASETS, key=key, version_id=version)

    return write
