"""One local cluster for the tests of what only ours has: its switches, its kubelet and the way it refuses.

What holds on any cluster is tested in tests/cluster.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import kubernetes.client
import pytest

from localcloud.kubernetes import Image, LocalCluster
from tests import patience
from tests.cluster.probe import Probe
from tests.localcloud.kubernetes.anybody import anybody
from tests.localcloud.kubernetes.kueue_world import World

DIGEST = "sha256:" + "a" * 64
IMAGE = f"registry.local/tool@{DIGEST}"
Json = dict[str, Any]


eventually = partial(patience.eventually, seconds=8)


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
    with LocalCluster("suite", folder, images=images, tokens=anybody, speed=100, capacity={"cpu": "64"}) as running:
        yield running


@pytest.fixture
def probe(cluster: LocalCluster) -> Probe:
    return Probe(cluster.client().configuration)


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
def team(cluster: LocalCluster) -> Iterator[Team]:
    """A namespace that is empty, and gone afterwards: what goes on in it would keep the cluster busy for every other test."""
    name = f"team-{uuid.uuid4().hex[:8]}"
    made = Team(cluster, name)
    made.core.create_namespace({"metadata": {"name": name}})
    yield made
    if name in {found.metadata.name for found in made.core.list_namespace().items}:
        made.core.delete_namespace(name)


@pytest.fixture
def world(team: Team) -> Iterator[World]:
    yield (made := World(team))
    made.end_all()
