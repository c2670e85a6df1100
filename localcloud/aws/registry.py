"""SageMaker model packages: moto's lose what identifies a model (SourceUri, metadata, approval), and announce nothing.

Groups stay with moto; packages and their events are ours. An event of a change says in `UpdatedModelPackageFields` alone what has changed; who made
and who changed a package is the identity that signed the request.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from localcloud.aws import package_limits
from localcloud.aws.callers import Identities
from localcloud.aws.front import operation
from localcloud.aws.package_limits import refused
from localcloud.aws.paging import page
from localcloud.aws.staleness import StaleReads

Announce = Callable[[str, str, dict[str, Any], list[str]], None]
_ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package"
_SUMMARY = [
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
]
_NOT_DESCRIBED = ("ClientToken", "Tags")
_EVENT_FIELDS = [
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "InferenceSpecification",
    "MetadataProperties",
    "ModelLifeCycle",
    "ModelPackageDescription",
    "CustomerMetadataProperties",
    "SourceUri",
]
_UPDATE_NAMES = {"SourceUri": "sourceUri"}


class ModelRegistry:
    """The model package operations of SageMaker. `client` reaches the groups, `announce` the default bus, `stale` hides new packages."""

    def __init__(self, client: Callable[[str], Any], announce: Announce, stale: StaleReads) -> None:
        self._client = client
        self._announce = announce
        self._stale = stale
        self._identities = Identities(client)
        self._lock = threading.RLock()
        self._packages: dict[str, dict[str, Any]] = {}
        self._versions: dict[str, int] = {}
        self._tokens: dict[str, str] = {}

    @operation("sagemaker", "CreateModelPackage")
    def create_model_package(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Register a model; a version of a group, given by name or ARN, awaits approval unless said otherwise."""
        token = parameters.get("ClientToken")
        package_limits.check(parameters)
        with self._lock:
            if token in self._tokens:
                return {"ModelPackageArn": self._tokens[token]}
            package = self._new_package(parameters)
            arn = package["ModelPackageArn"]
            self._packages[arn] = package
            if token:
                self._tokens[token] = arn
        self._tell(package, [])
        return {"ModelPackageArn": arn}

    def _new_package(self, parameters: dict[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in parameters.items() if name not in _NOT_DESCRIBED}
        common = {
            "CreationTime": datetime.now(UTC),
            "CreatedBy": self._identities.user_context(),
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
        }
        return common | given | self._identity(parameters)

    def _identity(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name, group = parameters.get("ModelPackageName"), parameters.get("ModelPackageGroupName")
        if bool(name) == bool(group):
            raise refused("Give either ModelPackageName or ModelPackageGroupName.")
        if name:
            return {"ModelPackageArn": f"{_ARN}/{str(name).lower()}"}
        group_name = str(group).rpartition("/")[2]
        self._client("sagemaker").describe_model_package_group(ModelPackageGroupName=group_name)
        version = self._versions[group_name] = self._versions.get(group_name, 0) + 1
        return {
            "ModelPackageGroupName": group_name,
            "ModelPackageVersion": version,
            "ModelPackageArn": f"{_ARN}/{group_name.lower()}/{version}",
            "ModelApprovalStatus": parameters.get("ModelApprovalStatus", "PendingManualApproval"),
        }

    def _get(self, name: str) -> dict[str, Any]:
        arn = name if name.startswith("arn:") else f"{_ARN}/{name.lower()}"
        if arn not in self._packages:
            raise refused(f"ModelPackage {name} does not exist.")
        return self._packages[arn]

    @operation("sagemaker", "DescribeModelPackage")
    def describe_model_package(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """A package by ARN, or by name when it has no group."""
        return self._get(parameters["ModelPackageName"])

    @operation("sagemaker", "UpdateModelPackage")
    def update_model_package(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Change approval, metadata or source; customer metadata is merged."""
        package_limits.check(parameters)
        with self._lock:
            package = self._get(parameters["ModelPackageArn"])
            changes = {name: value for name, value in parameters.items() if name in _UPDATABLE}
            removed = parameters.get("CustomerMetadataPropertiesToRemove") or []
            metadata = {
                **package.get("CustomerMetadataProperties", {}),
                **changes.pop("CustomerMetadataProperties", {}),
            }
            kept = {name: value for name, value in metadata.items() if name not in removed}
            package_limits.check_properties(kept)
            before = dict(package)
            package.update(changes, CustomerMetadataProperties=kept, LastModifiedTime=datetime.now(UTC))
            package["LastModifiedBy"] = self._identities.user_context()
        changed = [
            name for name in (*_UPDATABLE,) if package.get(name) != before.get(name, {} if "Metadata" in name else None)
        ]
        self._tell(package, [_UPDATE_NAMES.get(name, name) for name in changed])
        return {"ModelPackageArn": package["ModelPackageArn"]}

    @operation("sagemaker", "ListModelPackages")
    def list_model_packages(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Packages of a group (name or ARN), or those without one; newest first unless SortOrder is Ascending."""
        group = parameters.get("ModelPackageGroupName")
        visible = [p for p in list(self._packages.values()) if not self._stale.hides(p["CreationTime"])]
        found = [p for p in visible if _in_list(p, group and group.rpartition("/")[2], parameters)]
        found.sort(
            key=lambda p: (p["CreationTime"], p.get("ModelPackageVersion", 0)),
            reverse=parameters.get("SortOrder") != "Ascending",
        )
        packages, token = page(found, parameters.get("MaxResults"), parameters.get("NextToken"))
        summaries = [{name: package[name] for name in _SUMMARY if name in package} for package in packages]
        return {"ModelPackageSummaryList": summaries, **token}

    @operation("sagemaker", "DeleteModelPackage")
    def delete_model_package(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Forget a package; its version number is not given again."""
        with self._lock:
            del self._packages[self._get(parameters["ModelPackageName"])["ModelPackageArn"]]
        return {}

    def _tell(self, package: dict[str, Any], updated: list[str]) -> None:
        """https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html."""
        detail = {name: package[name] for name in _EVENT_FIELDS if name in package}
        detail["CreationTime"] = int(package["CreationTime"].timestamp() * 1000)
        if updated:
            detail["UpdatedModelPackageFields"] = updated
        self._announce("aws.sagemaker", "SageMaker Model Package State Change", detail, [package["ModelPackageArn"]])


_UPDATABLE = [
    "ModelApprovalStatus",
    "ApprovalDescription",
    "CustomerMetadataProperties",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
]


def _in_list(package: dict[str, Any], group: str | None, parameters: dict[str, Any]) -> bool:
    kind = "Versioned" if group else parameters.get("ModelPackageType", "Unversioned")
    versioned = "ModelPackageVersion" in package
    status = parameters.get("ModelApprovalStatus")
    in_group = not group or package.get("ModelPackageGroupName") == group
    right_kind = kind == "Both" or (kind == "Versioned") == versioned
    return in_group and right_kind and status in (None, package.get("ModelApprovalStatus"))
