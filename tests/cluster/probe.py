"""A bare HTTP client for any Kubernetes API, so that a test sees what came over the wire and nothing else."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import urllib3
from kubernetes.client import Configuration

from tests import patience

Json = dict[str, Any]
eventually = partial(patience.eventually, seconds=30)  # a real cluster takes its time
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass
class Reply:
    """One answer of an API server."""

    code: int
    body: Any
    warnings: list[str] = field(default_factory=list)

    @property
    def reason(self) -> str:
        return str(self.body.get("reason", ""))

    @property
    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.body["items"]]


@dataclass(frozen=True)
class Probe:
    """Requests as the user of one kubeconfig; paths below `namespace` start with one of its properties."""

    access: Configuration
    namespace: str = ""
    _http: urllib3.PoolManager = field(init=False)

    def __post_init__(self) -> None:
        access = self.access
        pool = urllib3.PoolManager(
            ca_certs=access.ssl_ca_cert,
            cert_file=access.cert_file,
            key_file=access.key_file,
            retries=False,
            timeout=20,
            maxsize=4,
        )
        object.__setattr__(self, "_http", pool)

    def within(self, namespace: str) -> "Probe":
        """The same user, in a namespace."""
        return replace(self, namespace=namespace)

    @property
    def jobs(self) -> str:
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"

    @property
    def maps(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/configmaps"

    @property
    def pods(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"

    @property
    def _authorization(self) -> dict[str, str]:
        bearer = self.access.auth_settings().get("BearerToken")
        return {"Authorization": str(bearer["value"])} if bearer else {}

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json", **headers: str) -> Reply:
        sent = {"Accept": "application/json", **self._authorization, **headers}
        if body is not None:
            sent["Content-Type"] = kind
        text = json.dumps(body) if body is not None else None
        answer = self._http.request(method, self.access.host + path, body=text, headers=sent)
        found = json.loads(answer.data) if answer.data[:1] in b"{[" else answer.data.decode()
        return Reply(answer.status, found, answer.headers.getlist("Warning"))

    def get(self, path: str) -> Reply:
        return self.call("GET", path)

    def post(self, path: str, body: Any) -> Reply:
        return self.call("POST", path, body)

    def patch(self, path: str, body: Any, kind: str = MERGE) -> Reply:
        return self.call("PATCH", path, body, kind)

    def apply(self, name: str, manager: str, values: Json, query: str = "") -> Reply:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": values}
        return self.patch(f"{self.maps}/{name}?fieldManager={manager}{query}", body, APPLY)

    def watch(self, path: str, seconds: int = 1) -> Iterator[Json]:
        query = "&" if "?" in path else "?"
        url = f"{self.access.host}{path}{query}watch=true&timeoutSeconds={seconds}"
        answer = self._http.request("GET", url, headers=self._authorization, preload_content=False)
        rest = b""
        for part in answer.stream(65536):
            *lines, rest = (rest + part).split(b"\n")
            yield from (json.loads(line) for line in lines if line)
        answer.release_conn()
