"""The account, before anything is deployed: who asks, quotas, service-linked roles, the trail.

Sources: Service Quotas (code L-B99A9384 is Lambda's "Concurrent executions"), FSx and SageMaker HyperPod user guides, "Using service-linked roles".
None of this was asked of a real account yet.
"""

from collections.abc import Iterator
from functools import partial

from botocore.exceptions import ClientError

from dropforge.client.addresses import Addresses
from dropforge.client.doctor.findings import Finding, absent, ask, look, ok

CONCURRENCY = "L-B99A9384"
ENOUGH = 100  # 40 for the ranges of a large upload, and one for everything else that happens at once
LINKED = {
    "AWSServiceRoleForAmazonFSx": "FSx for Lustre",
    "AWSServiceRoleForSageMakerHyperPod": "HyperPod",
}


def caller(addresses: Addresses) -> Finding:
    """Return who asks, and where."""
    who = addresses.session.client("sts").get_caller_identity()
    return ok("caller", f"{who['Arn']} in {addresses.session.region_name}, environment {addresses.environment}")


def examine(addresses: Addresses) -> Iterator[Finding]:
    """Yield what is known of the account."""
    yield from ask("Lambda quota", partial(_concurrency, addresses))
    for role, service in LINKED.items():
        yield from ask(f"role {role}", partial(_linked_role, addresses, role, service))
    yield from ask("CloudTrail", partial(_trail, addresses))


def _concurrency(addresses: Addresses) -> Iterator[Finding]:
    quotas = addresses.session.client("service-quotas")
    value = quotas.get_service_quota(ServiceCode="lambda", QuotaCode=CONCURRENCY)["Quota"]["Value"]
    said = f"{value:,.0f} functions may run at once"
    raise_it = f"Ask for at least {ENOUGH} in Service Quotas (Lambda, Concurrent executions)."
    yield ok("Lambda quota", said) if value >= ENOUGH else look("Lambda quota", said, raise_it)


def _linked_role(addresses: Addresses, role: str, service: str) -> Iterator[Finding]:
    try:
        addresses.session.client("iam").get_role(RoleName=role)
    except ClientError as error:
        if absent(error, "NoSuchEntity"):
            first = f"{service} makes it at its first use, if the creator may `iam:CreateServiceLinkedRole`."
            yield look(f"role {role}", "is not there", first)
        return
    yield ok(f"role {role}", "is there")


def _trail(addresses: Addresses) -> Iterator[Finding]:
    trails = addresses.session.client("cloudtrail")
    names = [trail["TrailARN"] for trail in trails.describe_trails()["trailList"]]
    logging = [name for name in names if trails.get_trail_status(Name=name)["IsLogging"]]
    if logging:
        yield ok("CloudTrail", f"{len(logging)} trail{'' if len(logging) == 1 else 's'} logging")
    else:
        yield look("CloudTrail", "no trail is logging", "Needed to prove who did what; runs work without one.")
