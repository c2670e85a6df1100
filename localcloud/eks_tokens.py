"""How an EKS cluster knows who asks: the bearer token is a presigned GetCallerIdentity, STS says whose, and an access entry says as whom.

The checks are those of aws-iam-authenticator (pkg/token): the URL is looked at before anybody is asked, and the cluster adds its own name, so a
token for another cluster has another signature. Whatever is wrong, the answer is the same: nobody.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from localcloud.aws import presigned
from localcloud.aws.access_entries import Entry
from localcloud.kubernetes.authentication import User

_PREFIX = "k8s-aws-v1."
_HOST = re.compile(r"sts\.[a-z0-9-]+\.amazonaws\.com")
_KNOWN = {
    "Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
    "X-Amz-Signature", "X-Amz-Security-Token",
}  # fmt: skip
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
        said = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        signed = said.get("X-Amz-SignedHeaders", "").split(";")
        if not said.keys() <= _KNOWN or said.get("Action") != "GetCallerIdentity" or "x-k8s-aws-id" not in signed:
            return False
        return self._is_fresh(said)

    def _is_fresh(self, said: Mapping[str, str]) -> bool:
        try:
            made = datetime.strptime(said.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            return False
        return -_GOOD_FOR <= made - self.now() <= _GOOD_FOR and self.now() - made <= _GOOD_FOR

    def _user(self, arn: str) -> User | None:
        found = _SESSION.fullmatch(arn)
        entry = self.entry_of(f"arn:aws:iam::{found['account']}:role/{found['role']}") if found else None
        if found is None or entry is None:
            return None
        name = entry["username"].replace("{{SessionName}}", found["session"])
        return User(name, tuple(entry["kubernetesGroups"]))


def _url(token: str) -> str | None:
    """The URL in a token of the right form, or None."""
    body = token.removeprefix(_PREFIX)
    if body == token or len(token) > _LARGEST:
        return None
    try:
        url = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    parts = urlsplit(url)
    good = parts.scheme == "https" and _HOST.fullmatch(parts.netloc) and parts.path == "/"
    return url if good else None
