"""A cluster's Kubernetes API, through the kubernetes package's own client.

The token is a presigned STS URL, made with one of the cluster's two roles (reader, writer) and good for 15 minutes; the server's CA comes from
EKS. On Python 3.13 one flag of the TLS context is cleared, VERIFY_X509_STRICT, because EKS CAs may lack a key identifier
(kubernetes-client/python issue 2394); certificates and host names stay checked.
"""

import base64
import json
import ssl
import time
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, NamedTuple, cast
from urllib.parse import urlencode

import boto3
import urllib3
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException

from dropforge import naming
from dropforge.adapters import aws, clock
from dropforge.domain.clusters import Cluster
from dropforge.domain.failures import Evidence
from dropforge.errors import Conflict, InvalidInput, NotReady, Unavailable

Role = Literal["reader", "writer"]
PAGE = 500
TOKEN_SECONDS = 14 * 60  # the server accepts it for 15 minutes
_CONNECTIONS: dict[tuple[str, str], tuple[float, "Connection"]] = {}

JOBS = "/apis/batch/v1/namespaces/{namespace}/jobs"
PODS = "/api/v1/namespaces/{namespace}/pods"


class Connection(NamedTuple):
    """A client that knows one cluster and one role."""

    api: ApiClient
    cluster: str


class Terminated(NamedTuple):
    """How a pod's container ended."""

    pod: str
    message: str
    exit_code: int


def connect(cluster: Cluster, role: Role) -> Connection:
    """Return a connection whose token is fresh; kept between invocations."""
    key = (cluster.name, role)
    made, connection = _CONNECTIONS.get(key, (0.0, None))
    now = clock.now().timestamp()
    if connection is None or now - made > TOKEN_SECONDS:
        connection = _connect(cluster, role)
        _CONNECTIONS[key] = (now, connection)
    return connection


def _connect(cluster: Cluster, role: Role) -> Connection:
    described = aws.eks().describe_cluster(name=cluster.eks_name)["cluster"]
    ca = base64.b64decode(described["certificateAuthority"]["data"]).decode()
    configuration = Configuration()
    configuration.host = described["endpoint"]
    configuration.retries = False
    api = ApiClient(configuration)
    api.rest_client.pool_manager = urllib3.PoolManager(
        ssl_context=_tls(ca), timeout=urllib3.Timeout(connect=3, read=20), retries=False
    )
    arn = cluster.writer_role if role == "writer" else cluster.reader_role
    api.set_default_header("Authorization", f"Bearer {_token(arn, cluster.eks_name)}")
    return Connection(api, cluster.name)


def _tls(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _token(role_arn: str, eks_name: str) -> str:
    """Presign GetCallerIdentity with the cluster's name as a signed header (the scheme of `aws eks get-token`)."""
    assumed = aws.sts().assume_role(RoleArn=role_arn, RoleSessionName="dropforge", DurationSeconds=900)["Credentials"]
    credentials = boto3.Session(
        assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"]
    ).get_credentials()
    assert credentials is not None  # noqa: S101  they were just given
    region = aws.session().region_name
    url = f"https://sts.{region}.{_dns_suffix(region)}/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("GET", url, headers={"x-k8s-aws-id": eks_name})
    SigV4QueryAuth(credentials.get_frozen_credentials(), "sts", region, expires=60).add_auth(request)
    return "k8s-aws-v1." + base64.urlsafe_b64encode(str(request.url).encode()).decode().rstrip("=")


@cache
def _dns_suffix(region: str) -> str:
    partition = boto3.Session().get_partition_for_region(region)
    return "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"


def apply(connection: Connection, manifest: dict[str, Any]) -> None:
    """Create a Job by server-side apply, unless it exists: what Kueue has changed since is not ours to change back."""
    metadata = manifest["metadata"]
    path = JOBS.format(namespace=metadata["namespace"]) + "/" + metadata["name"]
    if _call(connection, "GET", path, missing_ok=True) is not None:
        return
    query = [("fieldManager", naming.MANAGER), ("fieldValidation", "Strict")]
    _call(connection, "PATCH", path, query, manifest, "application/apply-patch+yaml")


def list_jobs(connection: Connection, namespace: str, selector: str) -> Iterator[dict[str, Any]]:
    """Yield the Jobs that a label selector matches, in pages of 500."""
    yield from _pages(connection, JOBS.format(namespace=namespace), selector)


def list_workloads(connection: Connection, namespace: str) -> Iterator[dict[str, Any]]:
    """Yield Kueue's Workloads of a namespace, in pages of 500."""
    yield from _pages(connection, f"/apis/kueue.x-k8s.io/v1beta1/namespaces/{namespace}/workloads", "")


def terminated(connection: Connection, namespace: str, job: str) -> Terminated | None:
    """Return how the newest ended pod of a Job ended, or None while there is none."""
    ended: list[tuple[str, Terminated]] = []
    for pod in _pages(connection, PODS.format(namespace=namespace), f"batch.kubernetes.io/job-name={job}"):
        for status in pod.get("status", {}).get("containerStatuses", []):
            state = status.get("state", {}).get("terminated")
            if state:
                found = Terminated(pod["metadata"]["name"], state.get("message", ""), state["exitCode"])
                ended.append((state.get("finishedAt") or "", found))
    return max(ended)[1] if ended else None


def pods(connection: Connection, namespace: str, selector: str) -> list[dict[str, Any]]:
    """Return the pods that a label selector matches."""
    return list(_pages(connection, PODS.format(namespace=namespace), selector))


def log(connection: Connection, namespace: str, pod: str, lines: int, *, timed: bool = False) -> list[str]:
    """Return the last `lines` lines of a pod's log; none when the pod is gone or has not started. `timed` lines start with their time."""
    path = PODS.format(namespace=namespace) + f"/{pod}/log"
    query = [("tailLines", str(lines)), *([("timestamps", "true")] if timed else [])]
    try:
        text = _raw(connection, "GET", path, query)
    except ApiException as error:
        if error.status in (400, 404):
            return []
        raise _translate(error, path) from error
    return text.splitlines()


def delete_job(connection: Connection, namespace: str, name: str) -> None:
    """Delete one Job with its pods; one that is not there is deleted."""
    query = [("propagationPolicy", "Background")]
    _call(connection, "DELETE", f"{JOBS.format(namespace=namespace)}/{name}", query, missing_ok=True)


def delete_jobs(connection: Connection, namespace: str, selector: str) -> None:
    """Delete the Jobs that a label selector matches, with their pods."""
    query = [("labelSelector", selector), ("propagationPolicy", "Background")]
    _call(connection, "DELETE", JOBS.format(namespace=namespace), query)


def wait_gone(connection: Connection, namespace: str, selector: str, seconds: int) -> None:
    """Return when a read finds no Job and no pod that the selector matches. Raises NotReady (JobsNotGone) after `seconds`.

    Pods get their grace period to stop (30 s by default), so a first look is nearly always too early.
    """
    for _ in range(seconds):
        left = [job["metadata"]["name"] for job in list_jobs(connection, namespace, selector)]
        left += [pod["metadata"]["name"] for pod in pods(connection, namespace, selector)]
        if not left:
            return
        time.sleep(1)
    raise NotReady("JobsNotGone", f"{len(left)} objects are still there.", {"objects": left[:10]})


def _pages(connection: Connection, path: str, selector: str) -> Iterator[dict[str, Any]]:
    query = [("limit", str(PAGE)), ("labelSelector", selector)]
    token = ""
    while True:
        page = _call(connection, "GET", path, [*query, ("continue", token)] if token else query)
        yield from (page or {}).get("items", [])
        token = (page or {}).get("metadata", {}).get("continue", "")
        if not token:
            return


def _call(
    connection: Connection,
    verb: str,
    path: str,
    query: list[tuple[str, str]] | None = None,
    body: dict[str, Any] | None = None,
    content: str = "application/json",
    *,
    missing_ok: bool = False,
) -> dict[str, Any] | None:
    try:
        text = _raw(connection, verb, path, query or [], body, content)
    except ApiException as error:
        if missing_ok and error.status == 404:
            return None
        raise _translate(error, path) from error
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def _raw(
    connection: Connection,
    verb: str,
    path: str,
    query: list[tuple[str, str]],
    body: dict[str, Any] | None = None,
    content: str = "application/json",
) -> str:
    sent = {**connection.api.default_headers, "Accept": "application/json", "Content-Type": content}
    url = f"{connection.api.configuration.host}{path}?{urlencode(query)}"
    try:
        response = connection.api.rest_client.request(verb, url, headers=sent, body=body)
    except urllib3.exceptions.HTTPError as error:
        evidence: Evidence = {"cluster": connection.cluster}
        raise Unavailable("ClusterUnreachable", f"{connection.cluster}: {error}.", evidence) from error
    return str(response.data.decode() if isinstance(response.data, bytes) else response.data)


def _translate(error: Any, path: str) -> Exception:
    """One table from HTTP status to our errors; anything else passes as the client's own error, a defect."""
    why = f"{error.status} {error.reason}: {_said(error)}"
    if error.status in (429, 500, 502, 503, 504):
        return Unavailable("ClusterUnreachable", why, {"path": path})
    if error.status in (400, 401, 403, 404, 422):
        return InvalidInput("ClusterRefused", why, {"path": path, "status": error.status})
    if error.status == 409:
        return Conflict("ObjectHeld", why, {"path": path})
    return cast("Exception", error)


def _said(error: ApiException) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.body)[:300]
