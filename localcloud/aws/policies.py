"""No policy is evaluated in the local cloud.

moto evaluates bucket policies, but without their conditions, so that "deny unless encrypted in transit" would deny everything.
"""

from typing import Any

from moto.iam.access_control import PermissionResult

from localcloud.aws.seams import Replacements


def install(replacements: Replacements) -> None:
    """Store bucket policies without applying them."""
    replacements.replace("moto.s3.models:FakeBucket.get_permission", _neutral)


def _neutral(bucket: Any, action: str, resource: str) -> Any:
    return PermissionResult.NEUTRAL
