"""boto3 sessions that know nothing of the host: no profile, no shared files, no ambient credentials.

A developer's configuration must neither be used nor be able to break the local cloud.
"""

import os

import boto3
import botocore.session


def isolated(region: str) -> boto3.session.Session:
    """A session with dummy credentials."""
    return boto3.session.Session(
        aws_access_key_id="local",
        aws_secret_access_key="local",
        region_name=region,
        botocore_session=isolated_botocore(),
    )


def isolated_botocore() -> botocore.session.Session:
    """The botocore session beneath; its variables are read from nowhere."""
    return botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
