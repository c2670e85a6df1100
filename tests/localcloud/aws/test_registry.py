import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.aws import LocalAws


@pytest.fixture(scope="module")
def sagemaker(aws: LocalAws) -> Any:
    client = aws.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="birds")
    return client


def register(sagemaker: Any, **parameters: Any) -> str:
    return str(sagemaker.create_model_package(**{"ModelPackageGroupName": "birds", **parameters})["ModelPackageArn"])


def test_a_version_keeps_what_identifies_it_and_awaits_approval(sagemaker: Any) -> None:
    arn = register(sagemaker, SourceUri="s3://models/m1/", CustomerMetadataProperties={"run": "r1"})
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    assert found["SourceUri"] == "s3://models/m1/"
    assert found["CustomerMetadataProperties"] == {"run": "r1"}
    assert (found["ModelApprovalStatus"], found["ModelPackageStatus"]) == ("PendingManualApproval", "Completed")
    assert found["ModelPackageGroupName"] == "birds"


def test_a_token_registers_once(sagemaker: Any) -> None:
    assert register(sagemaker, ClientToken="t1") == register(sagemaker, ClientToken="t1")
    assert register(sagemaker, ClientToken="t2") != register(sagemaker, ClientToken="t1")


def test_a_group_may_be_given_by_its_arn(sagemaker: Any) -> None:
    group = sagemaker.describe_model_package_group(ModelPackageGroupName="birds")["ModelPackageGroupArn"]
    arn = register(sagemaker, ModelPackageGroupName=group)
    listed = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert listed[0]["ModelPackageArn"] == arn


def test_versions_count_upwards_and_are_listed_in_pages(sagemaker: Any) -> None:
    first, second = register(sagemaker), register(sagemaker)
    assert int(second.rpartition("/")[2]) == int(first.rpartition("/")[2]) + 1
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName="birds", PaginationConfig={"PageSize": 1}
    )
    arns = [p["ModelPackageArn"] for page in pages for p in page["ModelPackageSummaryList"]]
    assert arns[:2] == [second, first]


def test_a_missing_group_is_refused(sagemaker: Any) -> None:
    with pytest.raises(ClientError) as caught:
        register(sagemaker, ModelPackageGroupName="fish")
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_registration_and_approval_are_announced(
    aws: LocalAws, sagemaker: Any, queue: Callable[..., tuple[str, str]], messages: Callable[..., list[dict[str, Any]]]
) -> None:
    url, target = queue("models")
    events = aws.client("events")
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Model Package State Change"]}
    events.put_rule(Name="models", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="models", Targets=[{"Id": "q", "Arn": target}])
    arn = register(sagemaker, SourceUri="s3://models/m2/")
    created = json.loads(messages(url)[0]["Body"])["detail"]
    assert (created["ModelPackageArn"], created["ModelApprovalStatus"]) == (arn, "PendingManualApproval")
    assert "UpdatedModelPackageFields" not in created
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    approved = json.loads(messages(url)[0]["Body"])["detail"]
    assert (approved["ModelApprovalStatus"], approved["UpdatedModelPackageFields"]) == (
        "Approved",
        ["ModelApprovalStatus"],
    )


def test_a_rejected_version_says_why_and_is_listed_as_rejected(sagemaker: Any) -> None:
    arn = register(sagemaker)
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Rejected", ApprovalDescription="it repeats itself"
    )
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == ("Rejected", "it repeats itself")
    listed = sagemaker.list_model_packages(ModelPackageGroupName="birds", ModelApprovalStatus="Rejected")
    assert [package["ModelPackageArn"] for package in listed["ModelPackageSummaryList"]] == [arn]


def test_an_approval_that_does_not_exist_is_refused(sagemaker: Any) -> None:
    arn = register(sagemaker)
    with pytest.raises(ClientError) as caught:
        sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Denied")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert sagemaker.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"] == "PendingManualApproval"


def test_metadata_is_merged_and_removed(sagemaker: Any) -> None:
    arn = register(sagemaker, CustomerMetadataProperties={"a": "1", "b": "2"})
    sagemaker.update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"c": "3"}, CustomerMetadataPropertiesToRemove=["a"]
    )
    assert sagemaker.describe_model_package(ModelPackageName=arn)["CustomerMetadataProperties"] == {"b": "2", "c": "3"}


def test_a_deleted_version_is_gone(sagemaker: Any) -> None:
    arn = register(sagemaker)
    sagemaker.delete_model_package(ModelPackageName=arn)
    with pytest.raises(ClientError):
        sagemaker.describe_model_package(ModelPackageName=arn)
