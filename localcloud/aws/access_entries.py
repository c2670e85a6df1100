"""EKS access entries: which IAM roles a cluster knows, and under which name and groups."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localcloud.aws.errors import AwsError
from localcloud.aws.front import operation

Entry = dict[str, Any]
_MISSING = "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'."


@dataclass
class AccessEntries:
    """The access entries of every cluster; `require_cluster` raises for a cluster that does not exist."""

    require_cluster: Callable[[str], object]
    _entries: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def find(self, cluster: str, role_arn: str) -> Entry | None:
        """Give the entry of a role, or None."""
        return self._entries.get((cluster, role_arn))

    @operation("eks", "CreateAccessEntry")
    def create_access_entry(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Let a role in. Access policies are not supported: groups are, bound by RBAC."""
        cluster, arn = parameters["clusterName"], parameters["principalArn"]
        self.require_cluster(cluster)
        if (cluster, arn) in self._entries:
            raise AwsError(
                "ResourceInUseException", "The specified access entry resource is already in use on this cluster.", 409
            )
        if parameters.get("type", "STANDARD") != "STANDARD":
            raise AwsError("InvalidParameterException", f"type {parameters['type']} is not supported here", 400)
        self._entries[cluster, arn] = _entry(parameters)
        return {"accessEntry": self._entries[cluster, arn]}

    @operation("eks", "DescribeAccessEntry")
    def describe_access_entry(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """One entry."""
        return {"accessEntry": self._require(parameters)}

    @operation("eks", "ListAccessEntries")
    def list_access_entries(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The roles that a cluster knows."""
        self.require_cluster(parameters["clusterName"])
        return {"accessEntries": sorted(arn for cluster, arn in self._entries if cluster == parameters["clusterName"])}

    @operation("eks", "DeleteAccessEntry")
    def delete_access_entry(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Let a role in no more."""
        self._require(parameters)
        del self._entries[parameters["clusterName"], parameters["principalArn"]]
        return {}

    def _require(self, parameters: dict[str, Any]) -> Entry:
        self.require_cluster(parameters["clusterName"])
        found = self.find(parameters["clusterName"], parameters["principalArn"])
        if found is None:
            raise AwsError("ResourceNotFoundException", _MISSING, 404)
        return found


def _entry(parameters: dict[str, Any]) -> Entry:
    cluster, arn, now = parameters["clusterName"], parameters["principalArn"], datetime.now(UTC)
    account, _, name = arn.removeprefix("arn:aws:iam::").partition(":role/")
    session = f"arn:aws:sts::{account}:assumed-role/{name.rpartition('/')[2]}/{{{{SessionName}}}}"
    return {
        "clusterName": cluster,
        "principalArn": arn,
        "kubernetesGroups": parameters.get("kubernetesGroups", []),
        "accessEntryArn": f"arn:aws:eks:us-east-1:{account}:access-entry/{cluster}/role/{account}/{name}",
        "createdAt": now,
        "modifiedAt": now,
        "tags": parameters.get("tags", {}),
        "username": parameters.get("username") or session,
        "type": "STANDARD",
    }
