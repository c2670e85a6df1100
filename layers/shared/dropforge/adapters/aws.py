"""Clients of AWS, made on first use and kept, and the one translation of AWS's errors into ours.

By botocore, imported with the first client: boto3 brings resources and a transfer manager that no function uses, and takes twice as long to
import (docs/performance.md).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from dropforge.errors import Unavailable

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_fsx import FSxClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient

BUSY = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)


@cache
def session() -> "Session":
    """The function's own session."""
    from botocore.session import Session  # noqa: PLC0415  slow to import

    return Session()


def region() -> str:
    """The Region that the function runs in."""
    return str(session().get_config_variable("region"))


def _client(service: str) -> Any:
    from botocore.config import Config  # noqa: PLC0415

    patient = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=30)
    return session().create_client(service, config=patient)


@cache
def s3() -> "S3Client":
    """S3."""
    made: S3Client = _client("s3")
    return made


@cache
def dynamodb() -> "DynamoDBClient":
    """DynamoDB."""
    made: DynamoDBClient = _client("dynamodb")
    return made


@cache
def events() -> "EventBridgeClient":
    """EventBridge."""
    made: EventBridgeClient = _client("events")
    return made


@cache
def stepfunctions() -> "SFNClient":
    """Step Functions."""
    made: SFNClient = _client("stepfunctions")
    return made


@cache
def ssm() -> "SSMClient":
    """Systems Manager parameters."""
    made: SSMClient = _client("ssm")
    return made


@cache
def fsx() -> "FSxClient":
    """FSx for Lustre."""
    made: FSxClient = _client("fsx")
    return made


@cache
def eks() -> "EKSClient":
    """EKS."""
    made: EKSClient = _client("eks")
    return made


@cache
def sts() -> "STSClient":
    """STS."""
    made: STSClient = _client("sts")
    return made


@cache
def sagemaker() -> "SageMakerClient":
    """SageMaker's model registry."""
    made: SageMakerClient = _client("sagemaker")
    return made


@cache
def functions() -> "LambdaClient":
    """Lambda."""
    made: LambdaClient = _client("lambda")
    return made


@cache
def sqs() -> "SQSClient":
    """SQS."""
    made: SQSClient = _client("sqs")
    return made


@cache
def sns() -> "SNSClient":
    """SNS."""
    made: SNSClient = _client("sns")
    return made


def code_of(error: ClientError) -> str:
    """Return AWS's error code."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated() -> Iterator[None]:
    """Turn "busy", server-side and connection failures into Unavailable; everything else passes as it is."""
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code_of(error) in BUSY or status >= 500:
            why = f"{error.operation_name} answered {code_of(error)}."
            raise Unavailable("AwsBusy", why, {"operation": error.operation_name, "code": code_of(error)}) from error
        raise
    except (HTTPClientError, BotoConnectionError) as error:
        raise Unavailable("AwsBusy", f"No answer: {error}.") from error
