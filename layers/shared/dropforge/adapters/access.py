"""Why a cluster does not let us in. The server says 401 and no more, so what it may mean is looked at from our side, in the order in which EKS does.

Before that AWS may refuse us the cluster's role. The others are aws-iam-authenticator's cases: a token is refused when its time is off by more than
15 minutes, when it was signed for another cluster's name, and when its role has no access entry. A 403 names what RBAC does not allow.
"""

import re
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dropforge.adapters import aws
from dropforge.domain.clusters import Cluster
from dropforge.domain.failures import Evidence
from dropforge.errors import InvalidInput, QuotaExceeded

if TYPE_CHECKING:
    from mypy_boto3_eks.type_defs import ClusterTypeDef

GOOD_FOR = timedelta(minutes=15)
_ATTEMPT = re.compile(r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"')


def describe(cluster: Cluster) -> "ClusterTypeDef":
    """Return what EKS says of a cluster: its address and certificate authority. Raises InvalidInput when it has none of that name."""
    try:
        return aws.eks().describe_cluster(name=cluster.eks_name)["cluster"]
    except ClientError as error:
        if aws.code_of(error) == "ResourceNotFoundException":
            why = f"There is no EKS cluster `{cluster.eks_name}` in this account and Region."
            raise InvalidInput("ClusterNameMismatch", why, {"cluster": cluster.name}) from error
        raise


def role_denied(cluster: Cluster, role_arn: str, error: ClientError) -> Exception:
    """Return what a refused sts:AssumeRole means, in AWS's words; any other answer passes as it is."""
    if aws.code_of(error) not in ("AccessDenied", "AccessDeniedException"):
        return error
    why = str(error.response["Error"].get("Message") or f"sts:AssumeRole on {role_arn} was denied.")
    return InvalidInput("ClusterRoleDenied", why, {"cluster": cluster.name, "role": role_arn})


def explain(cluster: Cluster, role_arn: str, signed_at: datetime, error: Any) -> InvalidInput:
    """Return what a 401 means; `error` is the client's exception, whose `Date` header is the server's time."""
    evidence: Evidence = {"cluster": cluster.name, "eks_name": cluster.eks_name, "role": role_arn}
    apart = _time_apart(signed_at, error)
    if apart is not None and abs(apart) > GOOD_FOR:
        why = f"The token was signed at {signed_at:%H:%M:%S}, the server's time is {apart.total_seconds() / 60:+.0f} minutes away from it."
        return InvalidInput("ClusterTokenExpired", why, evidence)
    if not _has_entry(cluster, role_arn):
        why = f"`{role_arn}` has no access entry on the EKS cluster `{cluster.eks_name}`."
        return InvalidInput("ClusterAccessMissing", why, evidence)
    why = f"Time and access entry are right for `{cluster.eks_name}`: the server goes by another name, or the role was made anew after its entry."
    return InvalidInput("ClusterNameMismatch", why, evidence)


def forbidden(cluster: Cluster, role_arn: str, said: str, path: str) -> InvalidInput | QuotaExceeded:
    """Return what a 403 means, in the API server's words: a rule that the role's groups lack, or a namespace that is full."""
    evidence: Evidence = {"cluster": cluster.name, "role": role_arn, "path": path}
    if "exceeded quota" in said:
        return QuotaExceeded("NamespaceFull", said, evidence)
    found = _ATTEMPT.search(said)
    if found:
        group, resource, verb = found["group"], found["resource"], found["verb"]
        evidence["rule"] = f'{{apiGroups: ["{group}"], resources: ["{resource}"], verbs: ["{verb}"]}}'
    return InvalidInput("ClusterRuleMissing", said, evidence)


def _time_apart(signed_at: datetime, error: Any) -> timedelta | None:
    """How much later it is at the server; None when it does not say."""
    date = (error.headers or {}).get("Date")
    return parsedate_to_datetime(date) - signed_at if date else None


def _has_entry(cluster: Cluster, role_arn: str) -> bool:
    try:
        aws.eks().describe_access_entry(clusterName=cluster.eks_name, principalArn=role_arn)
    except ClientError as error:
        if aws.code_of(error) == "ResourceNotFoundException":
            return False
        raise
    return True
