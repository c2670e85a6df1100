"""The incumbent: the newest approved model of a run's group, chosen once for an attempt and written down before anything is compared with it."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dropforge import naming
from dropforge.adapters import approvals, aws, contents, ledger, registry
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
    """Return the newest package that the registry and the ledger say is approved: whoever may write in the registry alone chooses no incumbent."""
    for arn in _approved(naming.model_group(run.project, run.dataset)):
        if _approved_by_ledger(arn):
            return Incumbent(arn=arn, uri=_uri(aws.sagemaker().describe_model_package(ModelPackageName=arn)))
    return None


def _approved_by_ledger(arn: str) -> bool:
    model = contents.by_arn(arn)
    approval = approvals.of_run(model.run_id) if model is not None else None
    return approval is not None and (approval.model.arn, approval.status) == (arn, "approved")


def still_approved(incumbent: Incumbent) -> bool:
    """Whether an incumbent that was chosen before may still judge: one that was rejected or recalled since may not."""
    return registry.standing(incumbent.arn).approval == "Approved"


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
