"""Permissions: a function may do what its role allows and nothing else, with AWS's own words and error codes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.aws import LocalAws
from localcloud.aws.permissions import Request, wanted
from localcloud.aws.routes import Call

PLACE = "us-east-1:123456789012"
ASKS = """
import boto3
def handler(event, _):
    client = boto3.client(event["service"])
    try:
        answer = getattr(client, event["operation"])(**event["parameters"])
        return {"status": answer["ResponseMetadata"]["HTTPStatusCode"]}
    except client.exceptions.ClientError as error:
        return error.response["Error"]
"""
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def ask(aws: LocalAws, function: Callable[..., str], invoke: Callable[..., tuple[Any, str]]) -> Ask:
    """Let a function whose role allows little ask for something."""
    iam = aws.client("iam")
    iam.create_role(RoleName="little", AssumeRolePolicyDocument="{}")
    allow(
        aws, [statement("s3:GetObject", "arn:aws:s3:::shelf/open/*"), statement("s3:ListBucket", "arn:aws:s3:::shelf")]
    )
    function("asks", ASKS)
    aws.client("lambda").update_function_configuration(
        FunctionName="asks", Role="arn:aws:iam::123456789012:role/little"
    )
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="shelf")
    for key in ("open/a", "closed/a"):
        s3.put_object(Bucket="shelf", Key=key, Body=b"a")

    def asked(service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        answer, error = invoke("asks", {"service": service, "operation": operation, "parameters": parameters})
        assert error == ""
        return dict(answer)

    return asked


def statement(action: str, resource: str) -> dict[str, str]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def allow(aws: LocalAws, statements: list[dict[str, str]]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    aws.client("iam").put_role_policy(RoleName="little", PolicyName="little", PolicyDocument=document)


def test_what_the_role_allows_is_done(ask: Ask) -> None:
    assert ask("s3", "get_object", Bucket="shelf", Key="open/a") == {"status": 200}
    assert ask("s3", "head_object", Bucket="shelf", Key="open/a") == {"status": 200}
    assert ask("s3", "list_objects_v2", Bucket="shelf") == {"status": 200}


def test_another_resource_is_denied_and_named(ask: Ask) -> None:
    denied = ask("s3", "get_object", Bucket="shelf", Key="closed/a")
    assert denied == {
        "Code": "AccessDenied",
        "Message": "User: arn:aws:sts::123456789012:assumed-role/little/asks is not authorized to perform: s3:GetObject on resource: "
        "arn:aws:s3:::shelf/closed/a because no identity-based policy allows the s3:GetObject action",
    }


def test_another_action_is_denied_before_it_has_an_effect(aws: LocalAws, ask: Ask) -> None:
    assert ask("s3", "put_object", Bucket="shelf", Key="open/b", Body="b")["Code"] == "AccessDenied"
    assert [entry["Key"] for entry in aws.client("s3").list_objects_v2(Bucket="shelf")["Contents"]] == [
        "closed/a",
        "open/a",
    ]


def test_what_was_refused_can_be_listed(aws: LocalAws, ask: Ask) -> None:
    ask("s3", "delete_object", Bucket="shelf", Key="open/a")
    assert aws.refused()[-1] == "asks: s3:DeleteObject on arn:aws:s3:::shelf/open/a"


def test_a_service_that_speaks_json_denies_in_its_own_way(ask: Ask) -> None:
    denied = ask("dynamodb", "get_item", TableName="rows", Key={"id": {"S": "a"}})
    assert denied["Code"] == "AccessDeniedException"
    assert "dynamodb:GetItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/rows" in denied["Message"]


def test_who_a_caller_is_may_always_be_asked(ask: Ask) -> None:
    assert ask("sts", "get_caller_identity") == {"status": 200}


def test_a_changed_policy_holds_at_once(aws: LocalAws, ask: Ask) -> None:
    assert ask("ssm", "get_parameter", Name="/a/b")["Code"] == "AccessDeniedException"
    allow(aws, [statement("ssm:GetParameter", f"arn:aws:ssm:{PLACE}:parameter/a/*")])
    assert ask("ssm", "get_parameter", Name="/a/b")["Code"] == "ParameterNotFound"
    assert ask("ssm", "get_parameter", Name="/b/b")["Code"] == "AccessDeniedException"


def test_an_object_is_kept_whatever_its_content_type_promises(aws: LocalAws, ask: Ask) -> None:
    aws.client("s3").put_object(Bucket="shelf", Key="open/broken", Body=b"{no json", ContentType="application/json")
    allow(aws, [statement("s3:PutObject", "arn:aws:s3:::shelf/open/*")])
    assert ask("s3", "put_object", Bucket="shelf", Key="open/c", Body="[no json", ContentType="application/json") == {
        "status": 200
    }
    kept = {
        key: aws.client("s3").get_object(Bucket="shelf", Key=key)["Body"].read() for key in ("open/broken", "open/c")
    }
    assert kept == {"open/broken": b"{no json", "open/c": b"[no json"}


def call(service: str, operation: str, **path: str) -> Call:
    return Call(service, operation, "us-east-1", path)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            Request(
                call("dynamodb", "TransactWriteItems"),
                {"TransactItems": [{"Put": {"TableName": "rows"}}, {"Delete": {"TableName": "rows"}}]},
                {},
            ),
            ["dynamodb:PutItem", "dynamodb:DeleteItem"],
        ),
        (Request(call("s3", "GetObject", Bucket="b", Key="k"), {}, {"versionId": ["v"]}), ["s3:GetObjectVersion"]),
        (Request(call("s3", "ListObjectVersions", Bucket="b"), {}, {}), ["s3:ListBucketVersions"]),
        (Request(call("lambda", "Invoke", FunctionName="f"), {}, {}), ["lambda:InvokeFunction"]),
        (Request(call("stepfunctions", "SendTaskSuccess"), {}, {}), ["states:SendTaskSuccess"]),
        (
            Request(call("fsx", "CreateDataRepositoryTask"), {"Tags": [{}]}, {}),
            ["fsx:CreateDataRepositoryTask", "fsx:TagResource"],
        ),
    ],
)
def test_an_operation_wants_the_actions_that_iam_knows(request_: Request, expected: list[str]) -> None:
    assert [action for action, _ in wanted(request_, PLACE)] == expected


PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/zoo--birds/1"


@pytest.mark.parametrize(
    ("operation", "said", "expected"),
    [
        ("UpdateModelPackage", {"ModelPackageArn": PACKAGE}, PACKAGE),
        ("CreateModelPackage", {"ModelPackageGroupName": "zoo--birds"}, "model-package-group/zoo--birds"),
        ("CreateAction", {"ActionName": "run-1"}, "action/run-1"),
        ("CreateArtifact", {"ArtifactType": "Image"}, "artifact/image"),
        ("AddAssociation", {"SourceArn": PACKAGE, "DestinationArn": "arn:aws:sagemaker:x:y:action/a"}, PACKAGE),
        ("ListAssociations", {"SourceArn": PACKAGE}, ""),
        ("QueryLineage", {"StartArns": [PACKAGE]}, ""),
    ],
)
def test_an_operation_of_the_registry_or_lineage_wants_its_resource(
    operation: str, said: dict[str, Any], expected: str
) -> None:
    ((action, resource),) = wanted(Request(call("sagemaker", operation), said, {}), PLACE)
    assert action == f"sagemaker:{operation}"
    assert resource in (expected, f"arn:aws:sagemaker:{PLACE}:{expected}")
