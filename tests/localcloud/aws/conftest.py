"""One account per test module, and builders for what tests put into it."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.aws import LocalAws

ROLE = "arn:aws:iam::123456789012:role/test"
FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with LocalAws(tmp_path_factory.mktemp("aws"), speed=60) as cloud:
        iam = cloud.client("iam")
        iam.create_role(RoleName="test", AssumeRolePolicyDocument="{}")
        anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [anything]})
        iam.put_role_policy(RoleName="test", PolicyName="anything", PolicyDocument=document)
        yield cloud


@pytest.fixture(scope="module")
def fixtures() -> Path:
    return FIXTURES


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def function(aws: LocalAws) -> Callable[..., str]:
    """Create a function from its source and return its ARN."""

    def create(name: str, source: str, **settings: Any) -> str:
        made = aws.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler=settings.pop("Handler", "app.handler"),
            Timeout=settings.pop("Timeout", 10),
            Code={"ZipFile": zipped({"app.py": source})},
            **settings,
        )
        return str(made["FunctionArn"])

    return create


@pytest.fixture(scope="module")
def invoke(aws: LocalAws) -> Callable[..., tuple[Any, str]]:
    """Invoke a function and return its result, and the function error (empty for none)."""

    def call(name: str, event: Any = None) -> tuple[Any, str]:
        answer = aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}).encode())
        return json.loads(answer["Payload"].read()), answer.get("FunctionError", "")

    return call


@pytest.fixture(scope="module")
def machine(aws: LocalAws) -> Callable[..., str]:
    """Create a state machine with a fresh name and return its ARN."""
    made: list[str] = []

    def create(definition: dict[str, Any]) -> str:
        name = f"machine-{len(made)}"
        made.append(name)
        answer = aws.client("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=ROLE
        )
        return str(answer["stateMachineArn"])

    return create


@pytest.fixture(scope="module")
def finish(aws: LocalAws) -> Callable[..., dict[str, Any]]:
    """Wait until an execution has ended and return its description, with the output decoded."""

    def wait(arn: str, seconds: float = 15) -> dict[str, Any]:
        found = eventually(lambda: _ended(aws, arn), seconds)
        return {**found, "output": json.loads(found["output"])} if "output" in found else found

    return wait


def _ended(aws: LocalAws, arn: str) -> dict[str, Any] | None:
    found: dict[str, Any] = aws.client("stepfunctions").describe_execution(executionArn=arn)
    return found if found["status"] != "RUNNING" else None


@pytest.fixture(scope="module")
def run(
    aws: LocalAws, machine: Callable[..., str], finish: Callable[..., dict[str, Any]]
) -> Callable[..., dict[str, Any]]:
    """Create a machine, run it once to its end and return the description."""

    def execute(definition: dict[str, Any], given: Any = None, seconds: float = 15) -> dict[str, Any]:
        started = aws.client("stepfunctions").start_execution(
            stateMachineArn=machine(definition), input=json.dumps(given or {})
        )
        return finish(started["executionArn"], seconds)

    return execute


@pytest.fixture(scope="module")
def queue(aws: LocalAws) -> Callable[..., tuple[str, str]]:
    """Create a queue and return its URL and ARN."""

    def create(name: str, **attributes: str) -> tuple[str, str]:
        url = aws.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:us-east-1:123456789012:{name}"

    return create


@pytest.fixture(scope="module")
def messages(aws: LocalAws) -> Callable[..., list[dict[str, Any]]]:
    """Take messages from a queue, once there is at least one (or `seconds` have passed)."""

    def take(url: str, seconds: float = 10) -> list[dict[str, Any]]:
        def receive() -> list[dict[str, Any]]:
            answer = aws.client("sqs").receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            return list(answer.get("Messages", []))

        found: list[dict[str, Any]] = eventually(receive, seconds, default=[])
        return found

    return take


_REQUIRED = object()


def eventually(check: Callable[[], Any], seconds: float = 10, default: Any = _REQUIRED) -> Any:
    """The first true value of `check`; after `seconds` the default, or a failure."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = check()
        if value:
            return value
        time.sleep(0.03)
    if default is _REQUIRED:
        pytest.fail(f"nothing happened within {seconds} s")
    return default


@pytest.fixture(scope="module")
def wait_for_execution(aws: LocalAws) -> Callable[[str], str]:
    """The ARN of a machine's newest execution, once there is one."""

    def wait(machine_arn: str) -> str:
        def newest() -> list[Any]:
            return list(aws.client("stepfunctions").list_executions(stateMachineArn=machine_arn)["executions"])

        return str(eventually(newest)[0]["executionArn"])

    return wait
