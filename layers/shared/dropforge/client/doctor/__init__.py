"""What a deployment needs and has: asked of AWS with the platform engineer's own rights, changing nothing.

One module for each place to look: the account before the first deploy, the stack, and what the platform team has described. A question that is not
answered is `unknown`, never `ok`.
"""

from collections.abc import Iterator

import boto3

from dropforge.client.addresses import Addresses
from dropforge.client.doctor import account, clusters, descriptions, stack
from dropforge.client.doctor.findings import Finding
from dropforge.domain.clusters import Cluster

__all__ = ["Finding", "examine"]


def examine(environment: str | None = None, session: boto3.Session | None = None) -> Iterator[Finding]:
    """Yield what is found, as it is found. Raises botocore's own errors when nobody can be asked at all (no credentials, no endpoint)."""
    addresses = Addresses(environment, session)
    described: dict[str, Cluster] = {}
    yield account.caller(addresses)
    yield from account.examine(addresses)
    yield from stack.examine(addresses)
    yield from descriptions.examine(addresses, described)
    yield from clusters.examine(addresses, described)
