"""Which deployment the command talks to: the environment's name and AWS's own configuration (profile, region, AWS_ENDPOINT_URL)."""

import os
from functools import cache
from typing import TYPE_CHECKING

import boto3
from dropforge import naming

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient


def environment() -> str:
    """Return the deployment's name: DROPFORGE_ENVIRONMENT, or `dev`."""
    return os.environ.get("DROPFORGE_ENVIRONMENT", "dev")


@cache
def s3() -> "S3Client":
    """S3."""
    return boto3.client("s3")


@cache
def ssm() -> "SSMClient":
    """Systems Manager parameters."""
    return boto3.client("ssm")


@cache
def functions() -> "LambdaClient":
    """Lambda."""
    return boto3.client("lambda")


def datasets_bucket() -> str:
    """Return the name of the datasets bucket, as the deployment has published it."""
    return _published("buckets", "datasets", "name")


def models_bucket() -> str:
    """Return the name of the models bucket, as the deployment has published it."""
    return _published("buckets", "models", "name")


def url(function: str) -> str:
    """Return the URL of a function that acts for people, as the deployment has published it."""
    return _published("functions", function.replace("_", "-"), "url")


def _published(nouns: str, name: str, attribute: str) -> str:
    parameter = naming.parameter(environment(), nouns, name, attribute)
    return ssm().get_parameter(Name=parameter)["Parameter"]["Value"]
