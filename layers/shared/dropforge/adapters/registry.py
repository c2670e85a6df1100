"""SageMaker's model registry: one group per project and dataset, one package per run's attempt."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dropforge import naming
from dropforge.adapters import aws, settings
from dropforge.domain.approvals import OURS, Approval, Shown, Status
from dropforge.domain.models import Package, token
from dropforge.domain.recalls import REJECTED, Mark, Standing
from dropforge.domain.runs import Run
from dropforge.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.literals import ModelApprovalStatusType
    from mypy_boto3_sagemaker.type_defs import DescribeModelPackageOutputTypeDef, ModelPackageSummaryTypeDef

WORDS: "dict[Status, ModelApprovalStatusType]" = {
    "pending": "PendingManualApproval",
    "approved": "Approved",
    "rejected": "Rejected",
    "expired": "Rejected",
}
_GONE = ("does not exist", "not found")  # the registry answers ValidationException for it
RECALLED = "recalled"  # the property of a package whose dataset is recalled: since when


def ensure_group(project: str, dataset: str) -> str:
    """Make sure the model package group exists and return its name."""
    name = naming.model_group(project, dataset)
    try:
        aws.sagemaker().create_model_package_group(
            ModelPackageGroupName=name,
            ModelPackageGroupDescription=f"Models that Dropforge trained on {project}/{dataset}.",
            Tags=[{"Key": "dropforge:project", "Value": project}],
        )
    except ClientError as error:
        if "already exists" not in str(error).lower():  # the registry answers ValidationException for it
            raise
    return name


def register(group: str, package: Package) -> str:
    """Register a model package and return its ARN; the same package again returns the first one's."""
    answer = aws.sagemaker().create_model_package(
        ModelPackageGroupName=group,
        ModelPackageDescription=package.description,
        ModelApprovalStatus="PendingManualApproval",
        ClientToken=package.token,
        SourceUri=package.uri,
        InferenceSpecification={
            "Containers": [
                {
                    "Image": package.image,
                    "Environment": package.environment,
                    "ModelDataSource": {
                        "S3DataSource": {"S3Uri": package.uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
                    },
                }
            ],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        CustomerMetadataProperties=package.properties,
        ModelMetrics={
            "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": package.metrics_uri}}
        },
        ModelCard={"ModelCardContent": package.card, "ModelCardStatus": "Draft"},
    )
    return answer["ModelPackageArn"]


def reject(arn: str, why: str) -> None:
    """Mark a package as one that nobody may use."""
    _write(arn, "Rejected", why)


def shown(arn: str, files: str) -> Shown:
    """Return what there is to approve of a package; `files` is the digest of its files. Raises NotFound (ModelUnknown)."""
    found = _describe(arn)
    if found is None:
        raise NotFound("ModelUnknown", f"The registry has no `{arn}` any more.", {"model": arn})
    properties = found.get("CustomerMetadataProperties", {})
    return Shown(
        arn=arn,
        passport=properties.get("passport", ""),
        source=found.get("SourceUri", ""),
        containers=[dict(one) for one in found.get("InferenceSpecification", {}).get("Containers", [])],
        properties={name: value for name, value in properties.items() if name not in OURS},
        card=found.get("ModelCard", {}).get("ModelCardContent", ""),
        files=files,
    )


def decide(approval: Approval) -> None:
    """Write a decision into its package, unless it is there already. A recalled one stays rejected, whatever was decided before the recall."""
    wanted, now = before(approval), standing(approval.model.arn)
    forbidden = now.approval == "Deleted" or (now.recalled and wanted.approval == "Approved")
    if (now.approval, now.description) != (wanted.approval, wanted.description) and not forbidden:
        _write(approval.model.arn, WORDS[approval.status], wanted.description)


def before(approval: Approval) -> Standing:
    """Return how a package stands once a decision is written into it, and before any recall."""
    said = _on_one_line(f"{approval.decided_by}: {approval.reason}") if approval.decided_by else ""
    return Standing(approval=WORDS[approval.status], description=said)


def _on_one_line(text: str) -> str:
    """The registry takes no newline in a description, and 1,024 characters."""
    return " ".join(text.split())[:1024]


def changed_by(arn: str) -> str:
    """Return the ARN of who has changed a package last, as IAM knows them; empty where the registry does not say."""
    found = _describe(arn)
    return found.get("LastModifiedBy", {}).get("IamIdentity", {}).get("Arn", "") if found is not None else ""


def set_right(approval: Approval, why: str) -> None:
    """Give a package back the status that the ledger knows, and say why."""
    _write(approval.model.arn, WORDS[approval.status], why)


def _write(arn: str, status: "ModelApprovalStatusType", said: str) -> None:
    aws.sagemaker().update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus=status, ApprovalDescription=_on_one_line(said)
    )


def standing(arn: str) -> Standing:
    """Return how a package stands now."""
    found = _describe(arn)
    if found is None:
        return Standing(approval="Deleted")
    return Standing(
        approval=found.get("ModelApprovalStatus", "PendingManualApproval"),
        description=found.get("ApprovalDescription", ""),
        recalled=found.get("CustomerMetadataProperties", {}).get(RECALLED, ""),
    )


def _describe(arn: str) -> "DescribeModelPackageOutputTypeDef | None":
    try:
        return aws.sagemaker().describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        if any(words in str(error).lower() for words in _GONE):
            return None
        raise


def mark_recalled(mark: Mark, at: str) -> None:
    """Mark a package as recalled, and reject it where it is not: nobody may deploy it. Nothing that is so already is written."""
    rejected = {"ModelApprovalStatus": REJECTED, "ApprovalDescription": mark.said} if mark.changed else {}
    aws.sagemaker().update_model_package(
        ModelPackageArn=mark.arn,
        CustomerMetadataProperties={RECALLED: at},
        **rejected,  # type: ignore[arg-type]
    )


def unmark_recalled(mark: Mark, *, restore: bool) -> None:
    """Take the mark of a recall from a package, and give its approval back where `restore` says so."""
    before = {"ModelApprovalStatus": mark.before.approval, "ApprovalDescription": mark.before.description}
    aws.sagemaker().update_model_package(
        ModelPackageArn=mark.arn,
        CustomerMetadataPropertiesToRemove=[RECALLED],
        **(before if restore else {}),  # type: ignore[arg-type]
    )


def arn(reference: str) -> str:
    """Return the ARN of a package that may be given as `group/version`."""
    if reference.startswith("arn:"):
        return reference
    partition, _, region, account = settings.machine_arn().split(":")[1:5]
    return f"arn:{partition}:sagemaker:{region}:{account}:model-package/{reference}"


def find_of_run(run: Run) -> str | None:
    """Return the ARN of the package that a run's attempt has registered, or None.

    The registry forgets client tokens after a while; the run's own mark in the package's properties does not fade. Only packages made after
    the attempt's start are looked at (with an hour for clocks that differ), so the look does not grow with the group.
    """
    try:
        found = [package["ModelPackageArn"] for package in _since(run)]
    except ClientError as error:
        if "does not exist" in str(error).lower():
            return None
        raise
    return next((arn for arn in found if _mark(arn) == token(run)), None)


def _since(run: Run) -> "Iterator[ModelPackageSummaryTypeDef]":
    pages = (
        aws.sagemaker()
        .get_paginator("list_model_packages")
        .paginate(
            ModelPackageGroupName=naming.model_group(run.project, run.dataset),
            CreationTimeAfter=datetime.fromisoformat(run.started_at) - timedelta(hours=1),
        )
    )
    for page in pages:
        yield from page["ModelPackageSummaryList"]


def _mark(arn: str) -> str | None:
    return (
        aws.sagemaker().describe_model_package(ModelPackageName=arn).get("CustomerMetadataProperties", {}).get("token")
    )
