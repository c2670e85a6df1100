"""Tokens as EKS takes them: a presigned GetCallerIdentity of a role with an access entry, fresh and signed for this cluster's name."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from moto import mock_aws
from moto.sts.models import sts_backends

from localcloud.aws.access_entries import POLICIES, POLICY
from localcloud.eks_tokens import EksTokens
from localcloud.kubernetes.authentication import Grant, User

ROLE = "arn:aws:iam::123456789012:role/reader"
URL = "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
ENTRY = {
    "username": "arn:aws:sts::123456789012:assumed-role/reader/{{SessionName}}",
    "kubernetesGroups": ["readers"],
    "policies": {},
}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


def tokens(entry: object = ENTRY, later: timedelta = timedelta(0)) -> EksTokens:
    known = {ROLE: entry} if entry else {}
    return EksTokens("research", "123456789012", known.get, lambda: datetime.now(UTC) + later)  # type: ignore[arg-type]


def token(
    url: str = URL,
    cluster: str = "research",
    header: str = "x-k8s-aws-id",
    change: tuple[str, str] = ("", ""),
    expires: int = 60,
    session: str = "dropforge",
) -> str:
    assumed = boto3.client("sts").assume_role(RoleArn=ROLE, RoleSessionName=session)["Credentials"]
    credentials = boto3.Session(
        assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"]
    ).get_credentials()
    assert credentials is not None
    request = AWSRequest("GET", url, headers={header: cluster})
    SigV4QueryAuth(credentials.get_frozen_credentials(), "sts", "us-east-1", expires=expires).add_auth(request)
    return encoded(str(request.url).replace(*change))


def encoded(url: str) -> str:
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def test_a_role_with_an_entry_is_who_the_entry_says() -> None:
    name = "arn:aws:sts::123456789012:assumed-role/reader/dropforge"
    assert tokens()(token()) == User(name, ("readers",))


@pytest.mark.parametrize(("template", "name"), [("u:{{SessionName}}", "u:ada-x"), ("u:{{SessionNameRaw}}", "u:ada@x")])
def test_a_user_name_may_hold_the_sessions(template: str, name: str) -> None:
    user = tokens(entry={**ENTRY, "username": template})(token(session="ada@x"))
    assert user is not None
    assert user.name == name


@pytest.mark.parametrize("policy", POLICIES)
def test_every_access_policy_is_rules_in_its_namespaces(policy: str) -> None:
    associated = {"policyArn": POLICY + policy, "accessScope": {"type": "namespace", "namespaces": ["team-*"]}}
    user = tokens(entry={**ENTRY, "policies": {POLICY + policy: associated}})(token())
    assert user is not None
    assert user.grants == (Grant(user.grants[0].rules, ("team-*",)),)
    assert user.grants[0].rules


def test_a_role_without_an_entry_is_nobody() -> None:
    assert tokens(entry=None)(token()) is None


@pytest.mark.parametrize(("minutes", "known"), [(14, True), (16, False), (-16, False)])
def test_a_token_is_good_for_fifteen_minutes(minutes: int, known: bool) -> None:
    assert (tokens(later=timedelta(minutes=minutes))(token()) is not None) is known


def test_a_token_for_another_cluster_is_nobodys() -> None:
    assert tokens()(token(cluster="production")) is None


def test_a_token_that_was_changed_after_it_was_signed_is_nobodys() -> None:
    assert tokens()(token(change=("X-Amz-Expires=60", "X-Amz-Expires=61"))) is None


@pytest.mark.parametrize(
    "bad",
    [
        {"url": URL.replace("GetCallerIdentity", "AssumeRole")},
        {"url": URL.replace("https", "http")},
        {"url": URL.replace("sts.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com.example.com")},
        {"url": URL.replace("/?", "/other?")},
        {"url": URL + "&More=1"},
        {"url": URL.replace("us-east-1", "mars-1")},
        {"expires": 901},
        {"header": "x-other"},
    ],
)
def test_anything_else_that_is_signed_is_nobodys(bad: dict[str, Any]) -> None:
    assert tokens()(token(**bad)) is None


@pytest.mark.parametrize("credential", ["", "&X-Amz-Credential=", "&X-Amz-Credential=AKIA/x"])
@pytest.mark.parametrize("signature", ["", "&X-Amz-Signature=%C3%A9", "&X-Amz-Signature=\u00e9"])
def test_a_url_without_a_signature_of_ours_is_nobodys(credential: str, signature: str) -> None:
    date = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    rest = f"&X-Amz-Date={date}&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id"
    assert tokens()(encoded(URL + rest + credential + signature)) is None


def test_a_session_that_is_over_is_nobodys() -> None:
    text = token()
    assumed = sts_backends["123456789012"]["aws"].assumed_roles[-1]
    assumed.expiration -= timedelta(hours=2)
    assert tokens()(text) is None


@pytest.mark.parametrize(
    "text", ["", "k8s-aws-v1.", "k8s-aws-v1.%%%", "k8s-aws-v1.aHR0cHM6Ly9b", "k8s-aws-v1." + "a" * 5000, "plain"]
)
def test_what_is_no_token_is_nobodys(text: str) -> None:
    assert tokens()(text) is None
