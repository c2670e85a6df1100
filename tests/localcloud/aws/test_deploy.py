import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.aws import LocalAws, deploy
from localcloud.aws.errors import StackFailed


@pytest.fixture(scope="module")
def outputs(aws: LocalAws, fixtures: Path) -> dict[str, str]:
    return deploy(aws, fixtures / "template.yaml", "rows", {"Stage": "dev"})


def write(folder: Path, resources: dict[str, Any]) -> Path:
    template = folder / "template.yaml"
    template.write_text(yaml.safe_dump({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}))
    return template


def test_outputs_follow_the_parameters(outputs: dict[str, str]) -> None:
    assert outputs["Uploads"] == "uploads-123456789012-dev"


def test_an_upload_runs_the_machine_that_runs_the_function(
    aws: LocalAws,
    outputs: dict[str, str],
    finish: Callable[..., dict[str, Any]],
    wait_for_execution: Callable[[str], str],
) -> None:
    aws.client("s3").put_object(Bucket=outputs["Uploads"], Key="in/a.csv", Body=b"one\ntwo\n")
    assert finish(wait_for_execution(outputs["Machine"]))["output"] == {"rows": 2}
    item = aws.client("dynamodb").get_item(TableName=outputs["Ledger"], Key={"id": {"S": "in/a.csv"}})["Item"]
    assert item["rows"] == {"N": "2"}


def test_functions_log_into_the_configured_group(aws: LocalAws, outputs: dict[str, str]) -> None:
    aws.client("lambda").invoke(
        FunctionName=outputs["CountRows"], Payload=json.dumps({"id": "x", "text": "one"}).encode()
    )
    streams = aws.client("logs").describe_log_streams(logGroupName="/rows/functions")["logStreams"]
    assert streams


def test_bucket_properties_arrive(aws: LocalAws, outputs: dict[str, str]) -> None:
    s3, name = aws.client("s3"), outputs["Uploads"]
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert lifecycle["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    assert (
        s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
        == "BucketOwnerEnforced"
    )
    assert "Deny" in s3.get_bucket_policy(Bucket=name)["Policy"]


def test_table_properties_arrive(aws: LocalAws, outputs: dict[str, str]) -> None:
    dynamodb, name = aws.client("dynamodb"), outputs["Ledger"]
    recovery = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    table = dynamodb.describe_table(TableName=name)["Table"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("expires", "ENABLED")
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSEDescription"]["SSEType"] == "KMS"


def test_function_settings_that_moto_drops_arrive(aws: LocalAws, outputs: dict[str, str]) -> None:
    settings = aws.client("lambda").get_function_configuration(FunctionName=outputs["CountRows"])
    assert settings["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": "/rows/functions"}
    assert len(settings["Layers"]) == 2


def test_every_resource_of_the_template_exists(aws: LocalAws, outputs: dict[str, str]) -> None:
    assert outputs
    assert aws.client("ecr").describe_repositories()["repositories"][0]["repositoryName"] == "rows"
    assert aws.client("codebuild").list_projects()["projects"]
    assert aws.client("cloudwatch").describe_alarms()["MetricAlarms"][0]["Threshold"] == 0.0
    assert aws.client("kms").list_aliases()["Aliases"][0]["AliasName"] == "alias/rows"
    assert aws.client("ssm").get_parameter(Name="/rows/limit")["Parameter"]["Value"] == "10"
    assert aws.client("secretsmanager").list_secrets()["SecretList"]
    assert aws.client("sagemaker").describe_model_package_group(ModelPackageGroupName="rows")


def test_an_unknown_resource_type_is_named_before_anything_is_created(aws: LocalAws, tmp_path: Path) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "never-made"}}
    template = write(tmp_path, {"Early": topic, "Ring": {"Type": "AWS::Nowhere::Ring"}})
    with pytest.raises(StackFailed, match="Ring: the local cloud has no AWS::Nowhere::Ring"):
        deploy(aws, template, "unknown", {})
    assert not [t for t in aws.client("sns").list_topics()["Topics"] if "never-made" in t["TopicArn"]]


def test_a_property_that_would_be_lost_is_named(aws: LocalAws, tmp_path: Path) -> None:
    template = write(tmp_path, {"Vault": {"Type": "AWS::S3::Bucket", "Properties": {"ReplicationConfiguration": {}}}})
    with pytest.raises(StackFailed, match=r"Vault \(AWS::S3::Bucket\).*ReplicationConfiguration"):
        deploy(aws, template, "lost", {})


def test_a_refused_resource_is_named_with_the_reason(aws: LocalAws, tmp_path: Path) -> None:
    rule = {"ScheduleExpression": "cron(0 0 L * ? *)", "State": "ENABLED"}
    template = write(tmp_path, {"Monthly": {"Type": "AWS::Events::Rule", "Properties": rule}})
    with pytest.raises(StackFailed, match=r"Monthly \(AWS::Events::Rule\).*ScheduleExpression is not valid"):
        deploy(aws, template, "refused", {})


def test_an_invalid_sam_resource_is_named(aws: LocalAws, tmp_path: Path) -> None:
    template = write(tmp_path, {"Half": {"Type": "AWS::Serverless::StateMachine", "Properties": {}}})
    with pytest.raises(StackFailed, match="Half"):
        deploy(aws, template, "invalid", {})


def test_a_missing_substitution_is_named(aws: LocalAws, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "${Missing}", "End": true}}}'
    )
    machine = {
        "DefinitionUri": "m.json",
        "DefinitionSubstitutions": {"Other": "x"},
        "Role": "arn:aws:iam::123456789012:role/r",
    }
    template = write(tmp_path, {"Machine": {"Type": "AWS::Serverless::StateMachine", "Properties": machine}})
    with pytest.raises(StackFailed, match=r"Machine .*Missing"):
        deploy(aws, template, "substitution", {})


def test_a_layer_whose_make_target_fails_is_named(aws: LocalAws, tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "Makefile").write_text("build-Broken:\n\t@echo no such wheel >&2; exit 1\n")
    layer = {
        "Type": "AWS::Serverless::LayerVersion",
        "Metadata": {"BuildMethod": "makefile"},
        "Properties": {"ContentUri": "layer"},
    }
    with pytest.raises(StackFailed, match=r"(?s)Broken.*no such wheel"):
        deploy(aws, write(tmp_path, {"Broken": layer}), "layer", {})
