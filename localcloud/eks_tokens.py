"""How an EKS cluster knows who asks: the bearer token is a presigned GetCallerIdentity, STS says whose, and an access entry says as whom.

The checks are those of aws-iam-authenticator (pkg/token): the URL is looked at before anybody is asked, and the cluster adds its own name, so a
token for another cluster has another signature. Whatever is wrong, the answer is the same: nobody.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3

from localcloud.aws import presigned
from localcloud.aws.access_entries import POLICY, Entry
from localcloud.kubernetes.authentication import Grant, User
from localcloud.kubernetes.first_roles import FIRST_ROLES

_PREFIX = "k8s-aws-v1."
_HOSTS = {f"sts.{region}.amazonaws.com" for region in boto3.Session().get_available_regions("sts")}
_KNOWN = {
    "action", "version", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders",
    "x-amz-signature", "x-amz-security-token",
}  # fmt: skip
_RULES = {
    "AmazonEKSClusterAdminPolicy": FIRST_ROLES["cluster-admin"],
    "AmazonEKSAdminViewPolicy": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}],
    "AmazonEKSAdminPolicy": FIRST_ROLES["admin"],
    "AmazonEKSEditPolicy": FIRST_ROLES["edit"],
    "AmazonEKSViewPolicy": FIRST_ROLES["view"],
}
_GOOD_FOR = timedelta(minutes=15)
_LARGEST = 4096
_SESSION = re.compile(r"arn:aws:sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/(?P<session>.+)")


@dataclass(frozen=True)
class EksTokens:
    """The tokens of one cluster. `entry_of` gives a role's access entry; `now` is the cloud's time."""

    cluster: str
    account: str
    entry_of: Callable[[str], Entry | None]
    now: Callable[[], datetime]

    def __call__(self, token: str) -> User | None:
        """Return who presents a token; None for nobody."""
        url = _url(token)
        if url is None or not self._is_good(url):
            return None
        arn = presigned.caller(url, {"x-k8s-aws-id": self.cluster}, self.account)
        return self._user(arn) if arn else None

    def _is_good(self, url: str) -> bool:
        said = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
        signed = said.get("x-amz-signedheaders", "").lower().split(";")
        if not said.keys() <= _KNOWN or said.get("action") != "GetCallerIdentity" or "x-k8s-aws-id" not in signed:
            return False
        expires = said.get("x-amz-expires", "")
        return expires.isdecimal() and int(expires) <= _GOOD_FOR.seconds and self._is_fresh(said.get("x-amz-date", ""))

    def _is_fresh(self, date: str) -> bool:
        """Not too old for the cluster, and not too far ahead for STS."""
        try:
            made = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            return False
        return abs(self.now() - made) <= _GOOD_FOR

    def _user(self, arn: str) -> User | None:
        found = _SESSION.fullmatch(arn)
        entry = self.entry_of(f"arn:aws:iam::{found['account']}:role/{found['role']}") if found else None
        if found is None or entry is None:
            return None
        name = entry["username"].replace("{{SessionName}}", found["session"].replace("@", "-"))
        name = name.replace("{{SessionNameRaw}}", found["session"])
        grants = tuple(_grant(policy) for policy in entry["policies"].values())
        return User(name, tuple(entry["kubernetesGroups"]), grants)


def _grant(policy: Mapping[str, Any]) -> Grant:
    rules = _RULES[policy["policyArn"].removeprefix(POLICY)]
    return Grant(rules, tuple(policy["accessScope"].get("namespaces", ())))


def _url(token: str) -> str | None:
    """The URL in a token of the right form, or None."""
    body = token.removeprefix(_PREFIX)
    if body == token or len(token) > _LARGEST:
        return None
    try:
        url = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True).decode()
        parts = urlsplit(url)
    except ValueError:  # not Base64, not text, not a URL
        return None
    good = parts.scheme == "https" and parts.netloc in _HOSTS and parts.path == "/"
    return url if good else None
