"""Where a deployment is: the environment's name, AWS's own configuration (profile, region, AWS_ENDPOINT_URL), and what the stack has published."""

import os
from functools import cached_property
from typing import TYPE_CHECKING

import boto3

from dropforge import naming

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient


class Addresses:
    """One deployment, `environment` or DROPFORGE_ENVIRONMENT or `dev`, and the clients to reach it, made on first use."""

    def __init__(self, environment: str | None = None, session: boto3.Session | None = None) -> None:
        self.environment = environment or os.environ.get("DROPFORGE_ENVIRONMENT", "dev")
        self.session = session or boto3.Session()
        self._known: dict[str, str] = {}

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        return self.session.client("s3")

    @cached_property
    def ssm(self) -> "SSMClient":
        """Systems Manager parameters."""
        return self.session.client("ssm")

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda."""
        return self.session.client("lambda")

    @property
    def datasets_bucket(self) -> str:
        """The name of the datasets bucket, as the deployment has published it."""
        return self._published("buckets", "datasets", "name")

    @property
    def range_bytes(self) -> int:
        """How many bytes of an upload one function reads there."""
        return int(self._published("buckets", "datasets", "range-bytes"))

    @property
    def models_bucket(self) -> str:
        """The name of the models bucket, as the deployment has published it."""
        return self._published("buckets", "models", "name")

    def url(self, function: str) -> str:
        """Return the URL of a function that acts for people, as the deployment has published it."""
        return self._published("functions", function.replace("_", "-"), "url")

    def _published(self, nouns: str, name: str, attribute: str) -> str:
        """Return what the stack has published, read once: whoever follows a run asks every half a second."""
        parameter = naming.parameter(self.environment, nouns, name, attribute)
        if parameter not in self._known:
            self._known[parameter] = self.ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
        return self._known[parameter]
