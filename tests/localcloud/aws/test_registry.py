import json
from collections.abc import Callable
from typing import Any

import boto3
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


CARD = {"additional_information": {"custom_details": {"a": "b"}}, "model_overview": {"model_creator": "x"}}


def container(uri: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    containers = [{"Image": "i", "ModelDataSource": {"S3DataSource": source}}]
    types = {"SupportedContentTypes": ["application/json"], "SupportedResponseMIMETypes": ["application/json"]}
    return {"InferenceSpecification": {"Containers": containers, **types}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"CustomerMetadataProperties": {f"k{n}": "v" for n in range(51)}},
        {"CustomerMetadataProperties": {"k": "v" * 257}},
        {"CustomerMetadataProperties": {"k": "semi;colon"}},
        container("s3://models/m1"),
        {"ModelCard": {"ModelCardContent": "{", "ModelCardStatus": "Draft"}},
        {"ModelCard": {"ModelCardContent": json.dumps({"my_field": 1}), "ModelCardStatus": "Draft"}},
        {"ModelCard": {"ModelCardContent": json.dumps({"a": "x" * 100_000}), "ModelCardStatus": "Draft"}},
        {
            "ModelCard": {
                "ModelCardContent": json.dumps({"additional_information": {"custom_details": {"a": "x" * 1025}}}),
                "ModelCardStatus": "Draft",
            }
        },
    ],
)
def test_what_a_package_may_not_hold_is_refused_and_leaves_no_version(sagemaker: Any, wrong: dict[str, Any]) -> None:
    before = len(
        sagemaker.list_model_packages(ModelPackageGroupName="birds", MaxResults=100)["ModelPackageSummaryList"]
    )
    with pytest.raises(ClientError) as caught:
        register(sagemaker, **wrong)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    after = sagemaker.list_model_packages(ModelPackageGroupName="birds", MaxResults=100)["ModelPackageSummaryList"]
    assert len(after) == before


def test_card_metrics_and_source_are_described(sagemaker: Any) -> None:
    statistics = {"ContentType": "application/json", "S3Uri": "s3://models/m1/metrics.json"}
    card = {"ModelCardContent": json.dumps(CARD), "ModelCardStatus": "Draft"}
    metrics = {"ModelQuality": {"Statistics": statistics}}
    arn = register(sagemaker, ModelCard=card, ModelMetrics=metrics, **container("s3://models/m1/"))
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (found["ModelCard"], found["ModelMetrics"]) == (card, metrics)


def test_who_made_and_who_changed_a_version_is_who_signed(aws: LocalAws, sagemaker: Any) -> None:
    arn = register(sagemaker)
    made = sagemaker.describe_model_package(ModelPackageName=arn)
    user = aws.client("iam").create_user(UserName="ada")["User"]
    key = aws.client("iam").create_access_key(UserName="ada")["AccessKey"]
    ada = boto3.client(
        "sagemaker",
        region_name="us-east-1",
        endpoint_url=aws.endpoint,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    ada.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    assert found["LastModifiedBy"]["IamIdentity"]["Arn"] == user["Arn"]
    assert found["CreatedBy"] == made["CreatedBy"] != found["LastModifiedBy"]


def test_a_change_of_metadata_does_not_look_like_an_approval(
    aws: LocalAws, sagemaker: Any, queue: Callable[..., tuple[str, str]], messages: Callable[..., list[dict[str, Any]]]
) -> None:
    url, target = queue("changes")
    arn = register(sagemaker, ModelApprovalStatus="Approved")
    events = aws.client("events")
    events.put_rule(Name="changes", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
    events.put_targets(Rule="changes", Targets=[{"Id": "q", "Arn": target}])
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", CustomerMetadataProperties={"a": "1"}
    )
    changed = json.loads(messages(url)[0]["Body"])["detail"]
    assert (changed["ModelApprovalStatus"], changed["UpdatedModelPackageFields"]) == (
        "Approved",
        ["CustomerMetadataProperties"],
    )
