"""A team's objects at work on a local cluster: they can be applied again, and hold others off and small steps free."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from dropforge.domain.onboarding import FileSystem, Quota, Team, team_objects
from kubernetes.client import BatchV1Api, CoreV1Api, CustomObjectsApi

from localcloud.kubernetes import LocalCluster
from localcloud.team import INSTANCE_TYPE, SMALL, apply
from tests import patience

eventually = partial(patience.eventually, seconds=30)
NAMESPACE = "hyperpod-ns-vision"
GPU = "nvidia.com/gpu"
TEAM = Team(
    name="vision",
    quotas=(
        Quota(instance_type=INSTANCE_TYPE, resources={"cpu": "2", "memory": "8Gi", GPU: "1"}),
        Quota(instance_type=SMALL, resources={"cpu": "1", "memory": "2Gi", GPU: "0"}),
    ),
    claim="fsx",
    file_system=FileSystem(id="fs-1", dns_name="localhost", mount_name="fsx", gibibytes=1200),
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(
        "team", tmp_path_factory.mktemp("team"), images={}, speed=100, instance_types=(INSTANCE_TYPE, SMALL)
    ) as running:
        for made in team_objects(TEAM):
            apply(running, made)
        yield running


def versions(cluster: LocalCluster) -> dict[str, str]:
    core, custom = CoreV1Api(cluster.client()), CustomObjectsApi(cluster.client())
    queues = custom.list_cluster_custom_object("kueue.x-k8s.io", "v1beta2", "clusterqueues")["items"]
    found = [core.read_namespace(NAMESPACE), *core.list_persistent_volume().items]
    found += core.list_namespaced_resource_quota(NAMESPACE).items
    return {thing.metadata.uid: thing.metadata.resource_version for thing in found} | {
        queue["metadata"]["uid"]: str(queue["spec"]) for queue in queues
    }


def test_everything_may_be_applied_again(cluster: LocalCluster) -> None:
    eventually(lambda: claim(cluster, NAMESPACE) == "Bound")
    before = versions(cluster)
    for made in team_objects(TEAM):
        apply(cluster, made)
    assert versions(cluster) == before


def test_the_teams_claim_gets_the_volume_and_nobody_elses_does(cluster: LocalCluster) -> None:
    core = CoreV1Api(cluster.client())
    core.create_namespace({"metadata": {"name": "other"}})
    spec = core.read_namespaced_persistent_volume_claim("fsx", NAMESPACE).spec
    core.create_namespaced_persistent_volume_claim("other", {"metadata": {"name": "fsx"}, "spec": spec})
    eventually(lambda: claim(cluster, NAMESPACE) == "Bound")
    assert claim(cluster, "other") == "Pending"


def claim(cluster: LocalCluster, namespace: str) -> str:
    found = CoreV1Api(cluster.client()).read_namespaced_persistent_volume_claim("fsx", namespace)
    return str(found.status.phase)


def test_a_small_step_does_not_wait_behind_accelerators(cluster: LocalCluster) -> None:
    submit(cluster, "first", {GPU: "1", "cpu": "2"}, INSTANCE_TYPE)
    submit(cluster, "second", {"cpu": "1"}, INSTANCE_TYPE)
    submit(cluster, "small", {"cpu": "1"}, SMALL)
    eventually(lambda: admitted(cluster, "small"))
    assert admitted(cluster, "first")
    assert not admitted(cluster, "second")
    eventually(lambda: (nodes(cluster, "first"), nodes(cluster, "small")) == ([], ["team-local-small"]))


def nodes(cluster: LocalCluster, job: str) -> list[str]:
    """The nodes of a job's pods; the local ones have no accelerators."""
    pods = CoreV1Api(cluster.client()).list_namespaced_pod(NAMESPACE, label_selector=f"job-name={job}").items
    return [pod.spec.node_name for pod in pods if pod.spec.node_name]


def submit(cluster: LocalCluster, name: str, asked: dict[str, str], instance_type: str) -> None:
    container = {
        "name": "step",
        "image": "x",
        "resources": {"requests": {"memory": "1Gi", **asked}, "limits": only_gpus(asked)},
    }
    labels = {"kueue.x-k8s.io/queue-name": f"{NAMESPACE}-localqueue"}
    selector = {"node.kubernetes.io/instance-type": instance_type}
    pod = {"restartPolicy": "Never", "containers": [container], "nodeSelector": selector}
    body = {"metadata": {"name": name, "labels": labels}, "spec": {"suspend": True, "template": {"spec": pod}}}
    BatchV1Api(cluster.client()).create_namespaced_job(NAMESPACE, body)
    eventually(lambda: workload(cluster, name))


def only_gpus(asked: dict[str, str]) -> dict[str, str]:
    return {name: amount for name, amount in asked.items() if name == GPU}


def workload(cluster: LocalCluster, job: str) -> Any:
    custom = CustomObjectsApi(cluster.client())
    found = custom.list_namespaced_custom_object("kueue.x-k8s.io", "v1beta2", NAMESPACE, "workloads")["items"]
    return next((w for w in found if w["metadata"]["ownerReferences"][0]["name"] == job and w.get("status")), None)


def admitted(cluster: LocalCluster, job: str) -> bool:
    conditions = workload(cluster, job)["status"].get("conditions", [])
    return any((c["type"], c["status"]) == ("Admitted", "True") for c in conditions)
