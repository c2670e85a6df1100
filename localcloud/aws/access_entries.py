"""EKS access entries: which IAM roles a cluster knows, under which name and groups, and with which of EKS's access policies.

An entry lives with its cluster, so a new cluster of an old name knows nobody; `entries_of` gives a cluster's, and raises for one that does not exist.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localcloud.aws.errors import AwsError
from localcloud.aws.front import operation
from localcloud.aws.paging import page

Entry = dict[str, Any]
POLICY = "arn:aws:eks::aws:cluster-access-policy/"
POLICIES = tuple(f"AmazonEKS{kind}Policy" for kind in ("Admin", "AdminView", "ClusterAdmin", "Edit", "View"))
_ROLE = re.compile(r"arn:aws:iam::(?P<account>\d{12}):role/(?P<name>.+)")
_MISSING = "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'."
_TAKEN = "The specified access entry resource is already in use on this cluster."
_RESERVED = ("system:", "eks:", "aws:", "amazon:", "iam:")


@dataclass(frozen=True)
class AccessEntries:
    """The access entries of every cluster."""

    entries_of: Callable[[str], dict[str, Entry]]

    def find(self, cluster: str, role_arn: str) -> Entry | None:
        """Give the entry of a role, or None. A session's ARN does not tell its role's path, so paths are not compared."""
        try:
            entries = self.entries_of(cluster)
        except AwsError:
            return None
        return next((entry for arn, entry in entries.items() if _without_path(arn) == role_arn), None)

    @operation("eks", "CreateAccessEntry")
    def create_access_entry(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Let a role in; a repeated client token is the same request."""
        entries, arn = self.entries_of(parameters["clusterName"]), parameters["principalArn"]
        _check(parameters)
        known = entries.get(arn)
        if known and known["clientRequestToken"] != parameters.get("clientRequestToken"):
            raise AwsError("ResourceInUseException", _TAKEN, 409)
        return {"accessEntry": entries.setdefault(arn, _entry(parameters))}

    @operation("eks", "DescribeAccessEntry")
    def describe_access_entry(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """One entry."""
        return {"accessEntry": self._require(parameters)}

    @operation("eks", "ListAccessEntries")
    def list_access_entries(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The roles that a cluster knows."""
        policy = parameters.get("associatedPolicyArn")
        entries = self.entries_of(parameters["clusterName"])
        found = sorted(arn for arn, entry in entries.items() if policy is None or policy in entry["policies"])
        return _paged("accessEntries", found, parameters)

    @operation("eks", "UpdateAccessEntry")
    def update_access_entry(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Change the groups or the name; what is not given stays."""
        entry = self._require(parameters)
        _check(parameters)
        entry |= {name: parameters[name] for name in ("kubernetesGroups", "username") if name in parameters}
        entry["modifiedAt"] = datetime.now(UTC)
        return {"accessEntry": entry}

    @operation("eks", "DeleteAccessEntry")
    def delete_access_entry(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Let a role in no more."""
        self._require(parameters)
        del self.entries_of(parameters["clusterName"])[parameters["principalArn"]]
        return {}

    @operation("eks", "AssociateAccessPolicy")
    def associate_access_policy(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Give an entry one of EKS's policies, on the whole cluster or in namespaces; one it has gets the new scope."""
        entry, policy = self._require(parameters), parameters["policyArn"]
        if policy.removeprefix(POLICY) not in POLICIES:
            raise _invalid(f"The local cloud does not have the access policy {policy}: it has {', '.join(POLICIES)}.")
        scope, now = parameters["accessScope"], datetime.now(UTC)
        if (scope.get("type") == "namespace") is not bool(scope.get("namespaces")):
            raise _invalid("accessScope: namespaces are given for the type namespace, and only for it.")
        since = entry["policies"].get(policy, {}).get("associatedAt", now)
        entry["policies"][policy] = made = {
            "policyArn": policy, "accessScope": scope, "associatedAt": since, "modifiedAt": now,
        }  # fmt: skip
        return {**_whose(parameters), "associatedAccessPolicy": made}

    @operation("eks", "DisassociateAccessPolicy")
    def disassociate_access_policy(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Take a policy from an entry."""
        if self._require(parameters)["policies"].pop(parameters["policyArn"], None) is None:
            raise AwsError("ResourceNotFoundException", "The policy is not associated with the access entry.", 404)
        return {}

    @operation("eks", "ListAssociatedAccessPolicies")
    def list_associated_access_policies(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The policies of one entry."""
        found = list(self._require(parameters)["policies"].values())
        return {**_whose(parameters), **_paged("associatedAccessPolicies", found, parameters)}

    def _require(self, parameters: dict[str, Any]) -> Entry:
        found = self.entries_of(parameters["clusterName"]).get(parameters["principalArn"])
        if found is None:
            raise AwsError("ResourceNotFoundException", _MISSING, 404)
        return found


def _without_path(arn: str) -> str:
    start, _, name = arn.partition(":role/")
    return f"{start}:role/{name.rpartition('/')[2]}"


def _check(parameters: dict[str, Any]) -> None:
    """Refuse what EKS refuses, and what only it has: entries of nodes, and of users."""
    if parameters.get("type", "STANDARD") != "STANDARD":
        raise _invalid(f"type {parameters['type']} is not supported by the local cloud: STANDARD is.")
    if not _ROLE.fullmatch(parameters["principalArn"]):
        raise _invalid(f"principalArn {parameters['principalArn']} is not the ARN of an IAM role.")
    for group in parameters.get("kubernetesGroups", []):
        if group.startswith("system:"):
            raise _invalid(f"The kubernetes group name {group} is invalid, it cannot start with system:")
    if parameters.get("username", "").startswith(_RESERVED):
        raise _invalid(f"The username {parameters['username']} is invalid, it cannot start with {', '.join(_RESERVED)}")


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message, 400)


def _whose(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: parameters[name] for name in ("clusterName", "principalArn")}


def _paged(member: str, found: list[Any], parameters: dict[str, Any]) -> dict[str, Any]:
    size = parameters.get("maxResults")
    shown, token = page(found, int(size) if size else None, parameters.get("nextToken"))
    return {member: shown, **{"nextToken": value for value in token.values()}}


def _entry(parameters: dict[str, Any]) -> Entry:
    cluster, arn, now = parameters["clusterName"], parameters["principalArn"], datetime.now(UTC)
    account, _, name = arn.removeprefix("arn:aws:iam::").partition(":role/")
    session = f"arn:aws:sts::{account}:assumed-role/{name.rpartition('/')[2]}/{{{{SessionName}}}}"
    return {
        "clusterName": cluster,
        "principalArn": arn,
        "kubernetesGroups": parameters.get("kubernetesGroups", []),
        "accessEntryArn": f"arn:aws:eks:us-east-1:{account}:access-entry/{cluster}/role/{account}/{name}/{uuid.uuid4()}",
        "createdAt": now,
        "modifiedAt": now,
        "tags": parameters.get("tags", {}),
        "username": parameters.get("username") or session,
        "type": "STANDARD",
        "clientRequestToken": parameters.get("clientRequestToken"),
        "policies": {},
    }
