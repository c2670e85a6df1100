"""Clients of AWS, made on first use and kept, and the one translation of AWS's errors into ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from dropforge.errors import Unavailable

if TYPE_CHECKING:
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
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=30)


@cache
def session() -> boto3.Session:
    """The function's own session."""
    return boto3.Session()


@cache
def s3() -> "S3Client":
    """S3."""
    return session().client("s3", config=_CONFIG)


@cache
def dynamodb() -> "DynamoDBClient":
    """DynamoDB."""
    return session().client("dynamodb", config=_CONFIG)


@cache
def events() -> "EventBridgeClient":
    """EventBridge."""
    return session().client("events", config=_CONFIG)


@cache
def stepfunctions() -> "SFNClient":
    """Step Functions."""
    return session().client("stepfunctions", config=_CONFIG)


@cache
def ssm() -> "SSMClient":
    """Systems Manager parameters."""
    return session().client("ssm", config=_CONFIG)


@cache
def fsx() -> "FSxClient":
    """FSx for Lustre."""
    return session().client("fsx", config=_CONFIG)


@cache
def eks() -> "EKSClient":
    """EKS."""
    return session().client("eks", config=_CONFIG)


@cache
def sts() -> "STSClient":
    """STS."""
    return session().client("sts", config=_CONFIG)


@cache
def sagemaker() -> "SageMakerClient":
    """SageMaker's model registry."""
    return session().client("sagemaker", config=_CONFIG)


@cache
def functions() -> "LambdaClient":
    """Lambda."""
    return session().client("lambda", config=_CONFIG)


@cache
def sqs() -> "SQSClient":
    """SQS."""
    return session().client("sqs", config=_CONFIG)


@cache
def sns() -> "SNSClient":
    """SNS."""
    return session().client("sns", config=_CONFIG)


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
