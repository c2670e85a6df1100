"""Faults of single requests: who made them is known, and what happened is read back from the services."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud.aws import LocalAws
from localcloud.aws.faults import Request

Function = Callable[..., str]
Invoke = Callable[..., tuple[Any, str]]

PUTS = """
import boto3
from botocore.config import Config
def handler(event, context):
    config = Config(retries={"mode": "standard", "total_max_attempts": event.get("attempts", 4)})
    table = boto3.client("dynamodb", config=config)
    for key in event["keys"]:
        table.put_item(TableName="rows", Item={"id": {"S": key}})
    return "put"
"""


@pytest.fixture(autouse=True)
def _no_fault_is_left(aws: LocalAws) -> Iterator[None]:
    yield
    aws.reset_faults()


@pytest.fixture(scope="module")
def puts(aws: LocalAws, function: Function) -> str:
    """A function that puts items one by one into the table `rows`."""
    aws.client("dynamodb").create_table(
        TableName="rows",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    function("puts", PUTS)
    return "puts"


@pytest.fixture
def rows(aws: LocalAws, puts: str) -> Callable[[], set[str]]:
    """What is in the table, which is empty when the test begins."""
    table = aws.client("dynamodb")

    def ids() -> set[str]:
        return {item["id"]["S"] for item in table.scan(TableName="rows", ConsistentRead=True)["Items"]}

    for key in ids():
        table.delete_item(TableName="rows", Key={"id": {"S": key}})
    return ids


def test_the_log_tells_who_asked_for_what_and_how_often(aws: LocalAws, puts: str, invoke: Invoke) -> None:
    invoke(puts, {"keys": ["before"]})
    aws.record()
    invoke(puts, {"keys": ["a", "b"]})
    aws.client("dynamodb").list_tables()
    made = [request for request in aws.requests() if request.service == "dynamodb"]
    assert made == [
        Request("puts", "dynamodb", "PutItem", 1),
        Request("puts", "dynamodb", "PutItem", 2),
        Request("", "dynamodb", "ListTables", 1),
    ]


def test_functions_of_one_account_are_told_apart_and_share_its_identity(
    aws: LocalAws, function: Function, invoke: Invoke
) -> None:
    source = (
        "import boto3\ndef handler(event, context):\n"
        "    made = boto3.client('sts').assume_role(RoleArn='arn:aws:iam::123456789012:role/test', RoleSessionName='visit')['Credentials']\n"
        "    taken = boto3.client('sts', aws_access_key_id=made['AccessKeyId'], aws_secret_access_key=made['SecretAccessKey'],\n"
        "                         aws_session_token=made['SessionToken'])\n"
        "    return [boto3.client('sts').get_caller_identity()['Account'], taken.get_caller_identity()['Arn']]\n"
    )
    for name in ("first-caller", "second_caller"):
        function(name, source)
    aws.record()
    answers = [invoke(name)[0] for name in ("first-caller", "second_caller")]
    assert answers == [["123456789012", "arn:aws:sts::123456789012:assumed-role/test/visit"]] * 2
    assumed = [request.function for request in aws.requests() if request.operation == "AssumeRole"]
    assert assumed == ["first-caller", "second_caller"]


def test_a_request_that_fails_before_its_effect_leaves_nothing(
    aws: LocalAws, puts: str, invoke: Invoke, rows: Callable[[], set[str]]
) -> None:
    aws.fail_request(puts, "dynamodb", "PutItem", 2)
    payload, _ = invoke(puts, {"keys": ["a", "b"], "attempts": 1})
    assert payload["errorType"] == "ClientError"
    assert "InternalFailure" in payload["errorMessage"]
    assert rows() == {"a"}


def test_a_request_that_fails_after_its_effect_leaves_it(
    aws: LocalAws, puts: str, invoke: Invoke, rows: Callable[[], set[str]]
) -> None:
    aws.fail_request(puts, "dynamodb", "PutItem", 2, when="after")
    payload, _ = invoke(puts, {"keys": ["a", "b"], "attempts": 1})
    assert payload["errorType"] == "ClientError"
    assert rows() == {"a", "b"}


def test_a_retry_of_the_sdk_hides_fewer_failures_than_it_has_attempts(
    aws: LocalAws, puts: str, invoke: Invoke, rows: Callable[[], set[str]]
) -> None:
    aws.fail_request(puts, "dynamodb", "PutItem", times=1)
    aws.record()
    assert invoke(puts, {"keys": ["a"]}) == ("put", "")
    assert [request.occurrence for request in aws.requests() if request.operation == "PutItem"] == [1, 2]


def test_as_many_failures_in_a_row_as_attempts_are_not_hidden(
    aws: LocalAws, puts: str, invoke: Invoke, rows: Callable[[], set[str]]
) -> None:
    aws.fail_request(puts, "dynamodb", "PutItem", times=2, status=503)
    assert invoke(puts, {"keys": ["a"], "attempts": 2})[0]["errorType"] == "ClientError"
    assert rows() == set()


def test_a_request_of_somebody_else_is_not_spoiled(aws: LocalAws, puts: str, rows: Callable[[], set[str]]) -> None:
    aws.fail_request(puts, "dynamodb", "PutItem", times=10)
    aws.client("dynamodb").put_item(TableName="rows", Item={"id": {"S": "mine"}})
    assert rows() == {"mine"}


def test_an_operation_of_our_own_fails_after_its_effect(aws: LocalAws, function: Function, invoke: Invoke) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="birds")
    source = (
        "import boto3\nfrom botocore.config import Config\ndef handler(event, context):\n"
        "    once = Config(retries={'mode': 'standard', 'total_max_attempts': 1})\n"
        "    boto3.client('sagemaker', config=once).create_model_package(ModelPackageGroupName='birds')\n"
    )
    function("registers", source)
    aws.fail_request(
        "registers", "sagemaker", "CreateModelPackage", when="after", error="ThrottlingException", status=400
    )
    assert "ThrottlingException" in invoke("registers")[0]["errorMessage"]
    assert len(sagemaker.list_model_packages(ModelPackageGroupName="birds")["ModelPackageSummaryList"]) == 1


@pytest.mark.parametrize(("when", "left"), [("before", {"a"}), ("after", {"a", "b"})])
def test_a_function_dies_at_a_request(
    aws: LocalAws, puts: str, invoke: Invoke, rows: Callable[[], set[str]], when: Any, left: set[str]
) -> None:
    aws.kill_function(puts, "dynamodb", "PutItem", 2, when)
    payload, kind = invoke(puts, {"keys": ["a", "b", "c"]})
    assert (payload["errorType"], kind) == ("Runtime.ExitError", "Unhandled")
    assert rows() == left
    assert invoke(puts, {"keys": ["c"]}) == ("put", "")


def test_a_share_of_what_functions_ask_is_throttled_and_always_the_same(
    aws: LocalAws, puts: str, invoke: Invoke, rows: Callable[[], set[str]]
) -> None:
    def served(seed: int) -> list[bool]:
        aws.throttle("dynamodb", 0.5, seed)
        return [not invoke(puts, {"keys": [str(key)], "attempts": 1})[1] for key in range(12)]

    first = served(7)
    assert rows() == {str(key) for key, was_served in enumerate(first) if was_served}
    assert len(set(first)) == 2
    assert served(7) == first
    assert served(8) != first
    aws.throttle("dynamodb", 0)
    assert invoke(puts, {"keys": ["a", "b", "c", "d", "e", "f"], "attempts": 1}) == ("put", "")


ASKS = {
    "dynamodb": "list_tables",
    "s3": "list_buckets",
    "sqs": "list_queues",
    "sns": "list_topics",
    "lambda": "list_functions",
    "stepfunctions": "list_state_machines",
    "sts": "get_caller_identity",
    "ssm": "describe_parameters",
    "events": "list_rules",
    "cloudwatch": "list_metrics",
    "sagemaker": "list_models",
}
ASK = """
import boto3
from botocore.config import Config
def handler(event, context):
    config = Config(retries={"mode": "standard", "total_max_attempts": 2})
    try:
        getattr(boto3.client(event["service"], config=config), event["method"])()
    except Exception as error:
        return error.response["ResponseMetadata"]["RetryAttempts"]
"""


@pytest.fixture(scope="module")
def ask(function: Function) -> str:
    function("ask", ASK)
    return "ask"


@pytest.mark.parametrize("service", ASKS)
def test_the_sdk_takes_throttling_of_a_service_for_what_it_is(
    aws: LocalAws, ask: str, invoke: Invoke, service: str
) -> None:
    aws.throttle(service, 1)
    assert invoke(ask, {"service": service, "method": ASKS[service]}) == (1, "")


def test_one_reset_ends_every_fault(aws: LocalAws, puts: str, invoke: Invoke, rows: Callable[[], set[str]]) -> None:
    aws.fail_request(puts, "dynamodb", "PutItem", times=100)
    aws.kill_function(puts, "dynamodb", "PutItem")
    aws.throttle("dynamodb", 1)
    aws.fault("dynamodb", "PutItem", "InternalServerError", times=100)
    aws.stale_reads(60)
    aws.disturb_events(drop=1)
    aws.jump(3600)
    aws.reset_faults()
    assert invoke(puts, {"keys": ["a"], "attempts": 1}) == ("put", "")
    assert aws.client("dynamodb").get_item(TableName="rows", Key={"id": {"S": "a"}})["Item"]
