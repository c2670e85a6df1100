import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
import yaml
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localcloud.aws import LocalAws, deploy
from localcloud.aws.errors import StackFailed

ECHO = "def handler(event, context):\n    return event\n"
ASKED = """
import json
def handler(event, context):
    return json.loads(event["body"])
"""
BROKEN = "def handler(event, context):\n    raise ValueError('no')\n"

Keys = dict[str, str]
Url = Callable[..., str]


def send(url: str, body: str | bytes, keys: Keys, service: str = "lambda", **headers: str) -> urllib3.BaseHTTPResponse:
    request = AWSRequest("POST", url, data=body, headers=headers)
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    return urllib3.request("POST", url, body=body, headers=dict(request.headers), retries=False)


@pytest.fixture
def keys(aws: LocalAws) -> Keys:
    return {"AccessKeyId": "AKIAUNKNOWN", "SecretAccessKey": "x"}


@pytest.fixture(scope="module")
def url(aws: LocalAws, function: Callable[..., str]) -> Url:
    """Create a function with a URL, and return the URL."""

    def create(name: str, source: str, auth_type: str = "AWS_IAM") -> str:
        function(name, source)
        made = aws.client("lambda").create_function_url_config(FunctionName=name, AuthType=auth_type)
        return str(made["FunctionUrl"])

    return create


@pytest.fixture(scope="module")
def echo(url: Url) -> str:
    return url("echo", ECHO)


@pytest.fixture(scope="module")
def asked(url: Url) -> str:
    return url("asked", ASKED)


def test_a_template_gives_a_function_its_url(aws: LocalAws, tmp_path: Path, keys: Keys) -> None:
    (tmp_path / "app.py").write_text(ECHO)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(ECHO)
    settings = {"CodeUri": "code", "Handler": "app.handler", "Runtime": "python3.13", "FunctionName": "cancel-run"}
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "CancelRun": {
                "Type": "AWS::Serverless::Function",
                "Properties": {**settings, "FunctionUrlConfig": {"AuthType": "AWS_IAM"}},
            }
        },
        "Outputs": {
            "Url": {"Value": {"Fn::GetAtt": ["CancelRunUrl", "FunctionUrl"]}},
            "Reference": {"Value": {"Ref": "CancelRunUrl"}},
        },
    }
    (tmp_path / "template.yaml").write_text(yaml.safe_dump(template))
    outputs = deploy(aws, tmp_path / "template.yaml", "urls", {})
    assert outputs["Url"] == f"{aws.endpoint}/function-urls/cancel-run/"
    assert outputs["Reference"].endswith(":function:cancel-run")
    found = aws.client("lambda").get_function_url_config(FunctionName="cancel-run")
    assert (found["FunctionUrl"], found["AuthType"], found["InvokeMode"]) == (outputs["Url"], "AWS_IAM", "BUFFERED")
    assert send(outputs["Url"], "", keys).status == 200


def test_what_a_url_would_lose_is_named(aws: LocalAws, tmp_path: Path) -> None:
    properties = {"AuthType": "AWS_IAM", "TargetFunctionArn": "f", "Cors": {"AllowOrigins": ["*"]}}
    template = {"Resources": {"Url": {"Type": "AWS::Lambda::Url", "Properties": properties}}}
    (tmp_path / "template.yaml").write_text(yaml.safe_dump(template))
    with pytest.raises(StackFailed, match=r"Url \(AWS::Lambda::Url\): the local cloud does not honour Cors"):
        deploy(aws, tmp_path / "template.yaml", "cors", {})


def test_the_function_sees_the_request(echo: str, keys: Keys) -> None:
    answer = send(f"{echo}runs/a%20b?x=1&x=2&y=", '{"run": "r"}', keys, **{"Content-Type": "application/json"})
    event = answer.json()
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/runs/a%20b", "x=1&x=2&y=")
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["headers"]["content-type"] == "application/json"
    assert (event["body"], event["isBase64Encoded"]) == ('{"run": "r"}', False)
    http = event["requestContext"]["http"]
    assert (http["method"], http["path"], http["sourceIp"]) == ("POST", "/runs/a%20b", "127.0.0.1")


def test_a_body_that_is_not_known_to_be_text_arrives_encoded(echo: str, keys: Keys) -> None:
    event = send(echo, b"\xff\x00", keys, **{"Content-Type": "application/octet-stream"}).json()
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\xff\x00", True)


def test_a_users_key_names_the_user(aws: LocalAws, echo: str) -> None:
    iam = aws.client("iam")
    user = iam.create_user(UserName="ada")["User"]
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    iam_part = send(echo, "{}", key).json()["requestContext"]["authorizer"]["iam"]
    assert iam_part == {
        "accessKey": key["AccessKeyId"],
        "accountId": aws.account,
        "callerId": user["UserId"],
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": user["Arn"],
        "userId": user["UserId"],
    }


def test_an_assumed_role_is_named_as_sts_names_it(aws: LocalAws, echo: str) -> None:
    role = f"arn:aws:iam::{aws.account}:role/test"
    keys = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="ada")["Credentials"]
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], "us-east-1")
    known = session.client("sts", endpoint_url=aws.endpoint).get_caller_identity()
    iam_part = send(echo, "{}", keys).json()["requestContext"]["authorizer"]["iam"]
    assert known["Arn"] == f"arn:aws:sts::{aws.account}:assumed-role/test/ada"
    assert (iam_part["userArn"], iam_part["userId"]) == (known["Arn"], known["UserId"])


def test_an_unknown_key_is_who_moto_says(aws: LocalAws, echo: str, keys: Keys) -> None:
    iam_part = send(echo, "{}", keys).json()["requestContext"]["authorizer"]["iam"]
    assert iam_part["userArn"] == f"arn:aws:sts::{aws.account}:user/moto"


def test_a_request_that_is_not_signed_is_forbidden(echo: str) -> None:
    answer = urllib3.request("POST", echo, body="{}")
    assert (answer.status, answer.json()) == (403, {"Message": "Forbidden"})


def test_a_signature_for_another_service_is_forbidden(echo: str, keys: Keys) -> None:
    assert send(echo, "{}", keys, service="execute-api").status == 403


def test_a_public_url_asks_for_no_signature(url: Url) -> None:
    answer = urllib3.request("POST", url("public", ECHO, "NONE"), body="{}")
    assert answer.status == 200
    assert "authorizer" not in answer.json()["requestContext"]


def test_a_function_without_a_url_says_so(aws: LocalAws, function: Callable[..., str], keys: Keys) -> None:
    function("hidden", ECHO)
    answer = send(f"{aws.endpoint}/function-urls/hidden/", "{}", keys)
    assert answer.status == 404
    assert "hidden has no function URL" in answer.json()["Message"]


def answer_of(asked: str, keys: Keys, returned: Any) -> urllib3.BaseHTTPResponse:
    return send(asked, json.dumps(returned), keys, **{"Content-Type": "application/json"})


def test_a_status_with_headers_and_body_is_rendered(asked: str, keys: Keys) -> None:
    returned = {"statusCode": 409, "headers": {"X-Why": "late"}, "body": "too late", "cookies": ["a=1"]}
    answer = answer_of(asked, keys, returned)
    assert (answer.status, answer.headers["x-why"], answer.data) == (409, "late", b"too late")
    assert answer.headers["set-cookie"] == "a=1"


def test_an_encoded_body_is_decoded(asked: str, keys: Keys) -> None:
    body = base64.b64encode(b"\xff").decode()
    assert answer_of(asked, keys, {"statusCode": 200, "body": body, "isBase64Encoded": True}).data == b"\xff"


@pytest.mark.parametrize("returned", [{"run": "r"}, "hello", [1], None])
def test_any_other_answer_is_json_with_status_200(asked: str, keys: Keys, returned: Any) -> None:
    answer = answer_of(asked, keys, returned)
    assert (answer.status, answer.headers["content-type"], answer.json()) == (200, "application/json", returned)


@pytest.mark.parametrize("returned", [{"statusCode": "x"}, {"statusCode": 200, "body": {"not": "text"}}])
def test_an_answer_that_cannot_be_rendered_is_a_bad_gateway(asked: str, keys: Keys, returned: Any) -> None:
    answer = answer_of(asked, keys, returned)
    assert (answer.status, answer.json()) == (502, {"Message": "Internal Server Error"})


def test_a_function_that_fails_is_a_bad_gateway(url: Url, keys: Keys) -> None:
    answer = send(url("broken", BROKEN), "{}", keys)
    assert (answer.status, answer.json()) == (502, {"Message": "Internal Server Error"})


def test_a_throttled_function_is_throttled_at_its_url(aws: LocalAws, echo: str, keys: Keys) -> None:
    aws.fault("lambda", "Invoke", "TooManyRequestsException", status=429)
    assert send(echo, "{}", keys).status == 429
    assert send(echo, "{}", keys).status == 200
