"""SageMaker's model registry: one group per project and dataset, one package per run's attempt."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dropforge import naming
from dropforge.adapters import aws
from dropforge.domain.models import Package, token
from dropforge.domain.runs import Run

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import ModelPackageSummaryTypeDef


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
                    "ModelDataSource": {
                        "S3DataSource": {"S3Uri": package.uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
                    },
                }
            ],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        CustomerMetadataProperties=package.properties,
    )
    return answer["ModelPackageArn"]


def reject(arn: str, why: str) -> None:
    """Mark a package as one that nobody may use."""
    aws.sagemaker().update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Rejected", ApprovalDescription=why[:1024]
    )


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
