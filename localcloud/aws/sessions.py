"""boto3 sessions that know nothing of the host: no profile, no shared files, no ambient credentials.

A developer's configuration must neither be used nor be able to break the local cloud.
"""

import os
from typing import Any

import boto3
import botocore.session
from botocore.config import Config


def isolated(region: str) -> boto3.session.Session:
    """A session with dummy credentials."""
    return boto3.session.Session(
        aws_access_key_id="local",
        aws_secret_access_key="local",
        region_name=region,
        botocore_session=isolated_botocore(),
    )


def new_client(name: str, region: str, endpoint: str) -> Any:
    """A client that tries once, so that what goes wrong is seen, waits as long as a function may run, and leaves checksums of objects to S3."""
    settings = Config(
        inject_host_prefix=False,
        max_pool_connections=64,
        read_timeout=900,
        request_checksum_calculation="when_required",
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
    )
    return isolated(region).client(name, endpoint_url=endpoint, config=settings)  # type: ignore[call-overload]


def isolated_botocore() -> botocore.session.Session:
    """The botocore session beneath; its variables are read from nowhere."""
    return botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
