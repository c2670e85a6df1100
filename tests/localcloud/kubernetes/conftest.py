"""One local cluster for the whole suite, and the small builders the tests share.

The API tests (`test_api_*.py`) run unchanged against any API server: set DROPFORGE_PROBE_URL, DROPFORGE_PROBE_TOKEN and
DROPFORGE_PROBE_CA (a PEM file).
"""

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import kubernetes.client
import pytest
import urllib3

from localcloud.kubernetes import Image, LocalCluster

DIGEST = "sha256:" + "a" * 64
IMAGE = f"registry.local/tool@{DIGEST}"
Json = dict[str, Any]
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass
class Reply:
    """One answer of an API server."""

    code: int
    body: Any

    @property
    def reason(self) -> str:
        return str(self.body.get("reason", ""))

    @property
    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.body["items"]]


@dataclass
class Probe:
    """A bare HTTP client, so that nothing is hidden; paths below `namespace` start with one of its properties."""

    url: str
    token: str
    ca: str
    namespace: str = ""
    _http: urllib3.PoolManager = field(init=False)

    def __post_init__(self) -> None:
        self._http = urllib3.PoolManager(ca_certs=self.ca, retries=False, timeout=10, maxsize=4)

    @property
    def jobs(self) -> str:
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"

    @property
    def maps(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/configmaps"

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json", **headers: str) -> Reply:
        all_headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json", **headers}
        if body is not None:
            all_headers["Content-Type"] = kind
        sent = json.dumps(body) if body is not None else None
        answer = self._http.request(method, self.url + path, body=sent, headers=all_headers)
        return Reply(answer.status, json.loads(answer.data) if answer.data[:1] in b"{[" else answer.data.decode())

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
        url = f"{self.url}{path}{query}watch=true&timeoutSeconds={seconds}"
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self._http.request("GET", url, headers=headers, preload_content=False)
        rest = b""
        for part in answer.stream(65536):
            *lines, rest = (rest + part).split(b"\n")
            yield from (json.loads(line) for line in lines if line)
        answer.release_conn()


def eventually(look: Callable[[], Any], seconds: float = 8.0) -> Any:
    """Wait until `look` gives something true, and give that."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds} s: {look}"
        time.sleep(0.02)
    return found


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    root = tmp_path_factory.mktemp("images")
    (root / "greeter").mkdir()
    (root / "greeter" / "__main__.py").write_text("print('hello from the image')")
    images = {"tool": Image("tool", DIGEST, root, {"FROM_IMAGE": "yes"})}
    folder = tmp_path_factory.mktemp("cluster")
    with LocalCluster("suite", folder, images=images, speed=100, capacity={"cpu": "64"}) as running:
        yield running


@pytest.fixture(scope="session")
def anywhere(request: pytest.FixtureRequest) -> Probe:
    url = os.environ.get("DROPFORGE_PROBE_URL")
    if url:
        return Probe(url.rstrip("/"), os.environ["DROPFORGE_PROBE_TOKEN"], os.environ["DROPFORGE_PROBE_CA"])
    local = request.getfixturevalue("cluster")
    return Probe(local.endpoint, "k8s-aws-v1.probe", str(local.folder / ".ca.pem"))


@pytest.fixture
def probe(anywhere: Probe) -> Iterator[Probe]:
    name = f"probe-{uuid.uuid4().hex[:8]}"
    mine = Probe(anywhere.url, anywhere.token, anywhere.ca, name)
    made = mine.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    assert made.code == 201
    yield mine
    mine.call("DELETE", f"/api/v1/namespaces/{name}")


@dataclass
class Team:
    """A namespace of the local cluster with typed clients for it."""

    cluster: LocalCluster
    namespace: str

    def __post_init__(self) -> None:
        client = self.cluster.client()
        self.core = kubernetes.client.CoreV1Api(client)
        self.batch = kubernetes.client.BatchV1Api(client)
        self.custom = kubernetes.client.CustomObjectsApi(client)

    def job(self, name: str, script: str = "true", *, labels: Json | None = None, cpu: str = "1", **spec: Any) -> Json:
        pod = {"restartPolicy": "Never", "containers": [container(script, cpu)]}
        body = {
            "metadata": {"name": name, "labels": labels or {}},
            "spec": {"backoffLimit": 0, "template": {"spec": pod}, **spec},
        }
        self.batch.create_namespaced_job(self.namespace, body, field_validation="Strict")
        return body

    def pod(self, name: str, script: str = "true", *, spec: Json | None = None, **more: Any) -> Json:
        body = {
            "metadata": {"name": name, "labels": {"who": "me"}, "annotations": {"note": "n"}},
            "spec": {"restartPolicy": "Never", "containers": [{**container(script), **more}], **(spec or {})},
        }
        self.core.create_namespaced_pod(self.namespace, body)
        return body

    def read_pod(self, name: str) -> Any:
        return self.core.read_namespaced_pod(name, self.namespace)

    def pods_of(self, job: str) -> list[Any]:
        found = self.core.list_namespaced_pod(self.namespace, label_selector=f"job-name={job}").items
        return sorted(found, key=lambda pod: pod.metadata.name)

    def read_job(self, name: str) -> Json:
        raw = self.batch.read_namespaced_job(name, self.namespace, _preload_content=False)
        return dict(json.loads(raw.data))

    def pod_is(self, name: str, phase: str) -> Any:
        def look() -> Any:
            pod = self.read_pod(name)
            return pod if pod.status.phase == phase else None

        return eventually(look)

    def job_has(self, name: str, kind: str) -> Json:
        def look() -> Any:
            job = self.read_job(name)
            found = {c["type"]: c["status"] for c in job.get("status", {}).get("conditions", [])}
            return job if found.get(kind) == "True" else None

        return dict(eventually(look))

    def log(self, pod: str, **query: Any) -> str:
        answer = self.core.read_namespaced_pod_log(pod, self.namespace, _preload_content=False, **query)
        return str(answer.data.decode())

    def events_of(self, name: str) -> list[tuple[str, str, str]]:
        found = self.core.list_namespaced_event(self.namespace, field_selector=f"involvedObject.name={name}").items
        return [(event.type, event.reason, event.message) for event in found]


def container(script: str, cpu: str = "1") -> Json:
    return {
        "name": "main",
        "image": IMAGE,
        "command": ["/bin/sh", "-c", script],
        "resources": {"requests": {"cpu": cpu}},
    }


@pytest.fixture
def team(cluster: LocalCluster) -> Team:
    name = f"team-{uuid.uuid4().hex[:8]}"
    made = Team(cluster, name)
    made.core.create_namespace({"metadata": {"name": name}})
    return made
