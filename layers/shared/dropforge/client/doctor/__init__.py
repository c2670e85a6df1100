"""What a deployment needs and has: asked of AWS with the platform engineer's own rights, changing nothing.

One module for each place to look: the account before the first deploy, the stack, and what the platform team has described. A question that is not
answered is `unknown`, never `ok`.
"""

from collections.abc import Iterator

import boto3

from dropforge.client.addresses import Addresses
from dropforge.client.doctor import account, clusters, descriptions, stack
from dropforge.client.doctor.findings import Finding

__all__ = ["Finding", "examine"]


def examine(environment: str | None = None, session: boto3.Session | None = None) -> Iterator[Finding]:
    """Yield what is found, as it is found. Raises botocore's own errors when nobody can be asked at all (no credentials, no endpoint)."""
    addresses = Addresses(environment, session)
    yield account.caller(addresses)
    for place in (account, stack, descriptions, clusters):
        yield from place.examine(addresses)
