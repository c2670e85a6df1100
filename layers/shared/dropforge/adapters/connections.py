"""A connection to a cluster's Kubernetes API, and one request on it: its token, its TLS, what is tried again, and which of our errors a refusal is.

The token is a presigned STS URL, made with one of the cluster's two roles (reader, writer) and good for 15 minutes; the server's CA comes from
EKS. On Python 3.13 one flag of the TLS context is cleared, VERIFY_X509_STRICT, because EKS CAs may lack a key identifier
(kubernetes-client/python issue 2394); certificates and host names stay checked.
"""

import base64
import json
import random
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlencode

import urllib3
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException

from dropforge.adapters import access, aws, clock
from dropforge.domain.clusters import Cluster
from dropforge.errors import Conflict, InvalidInput, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import CredentialsTypeDef

Role = Literal["reader", "writer"]
Verb = Literal["GET", "PATCH", "DELETE"]  # each may be repeated: PATCH is a server-side apply
Query = Sequence[tuple[str, str]]
TOKEN_SECONDS = 14 * 60  # the server accepts it for 15 minutes
BUSY = (429, 500, 502, 503, 504)
TRIES = 4
PAUSE_SECONDS = 0.2  # before the second try; doubled for each one after
LONGEST_PAUSE_SECONDS = 5  # what is waited for at most, whatever Retry-After says: a state's own retry waits longer
LONGEST_SECONDS = 20  # after which nothing is tried again: a try takes up to 20 more, and the shortest function has 60
_CONNECTIONS: dict[tuple[str, str], "Connection"] = {}


@dataclass
class Connection:
    """A client that knows one cluster and one role. `fresh_until` is in seconds since 1970."""

    api: ApiClient
    spec: Cluster
    role: Role
    signed_at: datetime = field(default_factory=clock.now)
    fresh_until: float = 0.0
    kueue_version: str = ""

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.spec.name

    @property
    def role_arn(self) -> str:
        """The IAM role that asks."""
        return self.spec.writer_role if self.role == "writer" else self.spec.reader_role


def connect(cluster: Cluster, role: Role) -> Connection:
    """Return a connection whose token is fresh; kept between invocations."""
    key = (cluster.name, role)
    connection = _CONNECTIONS.get(key)
    if connection is None or connection.spec != cluster:
        connection = _CONNECTIONS[key] = Connection(_client(cluster), cluster, role)
    if clock.now().timestamp() > connection.fresh_until:
        _sign_in(connection)
    return connection


def _client(cluster: Cluster) -> ApiClient:
    described = access.describe(cluster)
    ca = base64.b64decode(described["certificateAuthority"]["data"]).decode()
    configuration = Configuration()
    configuration.host = described["endpoint"]
    configuration.retries = False
    api = ApiClient(configuration)
    api.rest_client.pool_manager = urllib3.PoolManager(
        ssl_context=_tls(ca), timeout=urllib3.Timeout(connect=3, read=20), retries=False
    )
    return api


def _tls(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _sign_in(connection: Connection) -> None:
    """Give a connection a new token, used for 14 minutes or as long as the role's credentials last."""
    assumed = _assume(connection)
    keys = assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"]
    connection.api.set_default_header("Authorization", f"Bearer {_token(keys, connection.spec.eks_name)}")
    connection.signed_at = clock.now()
    connection.fresh_until = min(connection.signed_at.timestamp() + TOKEN_SECONDS, assumed["Expiration"].timestamp())


def _assume(connection: Connection) -> "CredentialsTypeDef":
    """Take the cluster's role. Raises InvalidInput when AWS does not let us."""
    role = connection.role_arn
    try:
        return aws.sts().assume_role(RoleArn=role, RoleSessionName="dropforge", DurationSeconds=900)["Credentials"]
    except ClientError as error:
        raise access.role_denied(connection.spec, role, error) from error


def _token(keys: tuple[str, str, str], eks_name: str) -> str:
    """Presign GetCallerIdentity with the cluster's name as a signed header (the scheme of `aws eks get-token`)."""
    region = aws.region()
    url = f"https://sts.{region}.{_dns_suffix(region)}/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("GET", url, headers={"x-k8s-aws-id": eks_name})
    SigV4QueryAuth(ReadOnlyCredentials(*keys), "sts", region, expires=60).add_auth(request)
    return "k8s-aws-v1." + base64.urlsafe_b64encode(str(request.url).encode()).decode().rstrip("=")


@cache
def _dns_suffix(region: str) -> str:
    partition = aws.session().get_partition_for_region(region)
    return "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"


def request(connection: Connection, verb: Verb, path: str, query: Query | None = None, body: Any = None) -> bytes:
    """Return the body of an answer. A busy or silent server is asked again, four times in all and within its `Retry-After` up to five seconds.

    Raises our error for a status (`_translate`; `status_of` gives it back) and Unavailable when nothing answers in time.
    """
    give_up = time.monotonic() + LONGEST_SECONDS
    for tried in range(1, TRIES + 1):
        last = tried == TRIES or time.monotonic() > give_up
        try:
            return _once(connection, verb, path, query or [], body)
        except ApiException as error:
            if error.status == 401 and tried == 1:  # the token may have been revoked, or our clock jumped
                _sign_in(connection)
            elif error.status not in BUSY or last:
                raise _translate(connection, error, path) from error
            else:
                time.sleep(_pause(tried, error))
        except urllib3.exceptions.HTTPError as error:
            if last:
                raise Unavailable("ClusterUnreachable", f"{connection.cluster}: {error}.") from error
            time.sleep(_pause(tried, None))
    raise AssertionError  # the last try returns or raises


def _pause(tried: int, error: ApiException | None) -> float:
    """Seconds until the next try: what the server asks for, else longer each time, with full jitter so that callers spread."""
    asked = str((error.headers or {}).get("Retry-After", "")) if error is not None else ""
    longest = PAUSE_SECONDS * float(2**tried)
    wanted = float(asked) if asked.isdigit() else random.uniform(0, longest)  # noqa: S311  not a secret
    return min(wanted, LONGEST_PAUSE_SECONDS)


def _once(connection: Connection, verb: Verb, path: str, query: Query, body: Any) -> bytes:
    content = "application/apply-patch+yaml" if verb == "PATCH" else "application/json"
    sent = {**connection.api.default_headers, "Accept": "application/json", "Content-Type": content}
    url = f"{connection.api.configuration.host}{path}?{urlencode(query)}"
    response = connection.api.rest_client.request(verb, url, headers=sent, body=body)
    data = response.data
    return data if isinstance(data, bytes) else str(data).encode()


def _translate(connection: Connection, error: Any, path: str) -> Exception:
    """One table from HTTP status to our errors; anything else passes as the client's own error, a defect."""
    why = f"{error.status} {error.reason}: {_said(error)}"
    if error.status in BUSY:
        return Unavailable("ClusterUnreachable", why, {"path": path})
    if error.status == 401:
        return access.explain(connection.spec, connection.role_arn, connection.signed_at, error)
    if error.status == 403:
        return access.forbidden(connection.spec, connection.role_arn, _said(error), path)
    if error.status in (400, 404, 410, 422):
        return InvalidInput("ClusterRefused", why, {"path": path, "status": error.status})
    if error.status == 409:
        return Conflict("ObjectHeld", why, {"path": path})
    return cast("Exception", error)


def status_of(problem: InvalidInput) -> object:
    """Return the HTTP status behind an error of `request`, or None."""
    return problem.failure.evidence.get("status")


def _said(error: ApiException) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.body)[:300]
