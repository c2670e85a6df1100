"""The incumbent: the newest approved model of a run's group, chosen once for an attempt and written down before anything is compared with it."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dropforge import naming
from dropforge.adapters import aws, ledger, settings
from dropforge.domain.evaluations import Incumbent
from dropforge.domain.plans import PlannedStep, needs_incumbent
from dropforge.domain.runs import Run

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeModelPackageOutputTypeDef


def choose(run: Run, step: PlannedStep) -> Incumbent | None:
    """Return what a step compares its model with, None when it compares with nothing or there is nothing yet.

    The first choice of an attempt stands: a second submission must ask for the very same job.
    """
    if not needs_incumbent(step):
        return None
    return ledger.choose_incumbent(run, _newest(run))


def _newest(run: Run) -> Incumbent | None:
    """Return the newest approved package that lies in the models bucket; what others have registered in the group cannot be reached from a job."""
    for arn in _approved(naming.model_group(run.project, run.dataset)):
        uri = _uri(aws.sagemaker().describe_model_package(ModelPackageName=arn))
        if uri.startswith(f"s3://{settings.models_bucket()}/"):
            return Incumbent(arn=arn, uri=uri)
    return None


def _approved(group: str) -> list[str]:
    try:
        found = aws.sagemaker().list_model_packages(
            ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending"
        )
    except ClientError as error:
        if "does not exist" in str(error).lower():  # the group is made with its first model
            return []
        raise
    return [package["ModelPackageArn"] for package in found["ModelPackageSummaryList"]]


def _uri(package: "DescribeModelPackageOutputTypeDef") -> str:
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    sources = [container.get("ModelDataSource", {}).get("S3DataSource", {}) for container in containers]
    return sources[0].get("S3Uri", "") if sources else ""
