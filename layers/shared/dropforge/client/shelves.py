"""Whole logs of ended jobs, in the models bucket: logs/<project>/<run id>/<attempt>/<step>.log."""

from dropforge.client.addresses import Addresses
from dropforge.domain.runs import Run


class Shelf:
    """Where a deployment keeps logs."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    def steps(self, run: Run, attempt: int) -> dict[str, str]:
        """Return the URI of the log of each step of an attempt, the oldest first."""
        bucket, prefix = self._addresses.models_bucket, f"logs/{run.project}/{run.id}/{attempt}/"
        pages = self._addresses.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [
            key for _, key in sorted((o["LastModified"], o["Key"]) for page in pages for o in page.get("Contents", []))
        ]
        return {key.removeprefix(prefix).removesuffix(".log"): f"s3://{bucket}/{key}" for key in keys}

    def lines(self, uri: str) -> list[str]:
        """Return a log's lines."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body = self._addresses.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body.decode(errors="replace").splitlines()
