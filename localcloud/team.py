"""What a team has on a cluster: a namespace, its queue with a quota, priorities, and the claim on the file system.

Names follow HyperPod task governance. On AWS a platform team makes these once (docs/operations.md); here they are made through the same API.
"""

from typing import Any

from dropforge import naming
from dropforge.domain import onboarding
from kubernetes.client import CoreV1Api, CustomObjectsApi, RbacAuthorizationV1Api

from localcloud.kubernetes.cluster import LocalCluster

KUEUE = "kueue.x-k8s.io"
FLAVOR = "local-cpu"
PRIORITIES = {"inference": 100, "training": 75, "experiment": 50}


def prepare_team(cluster: LocalCluster, team: str, cpu: str = "2", memory: str = "4Gi") -> None:
    """Make a team's objects on a new cluster; `cpu` and `memory` are its quota."""
    api = cluster.client()
    core, custom = CoreV1Api(api), CustomObjectsApi(api)
    namespace = naming.namespace(team)
    core.create_namespace({"metadata": {"name": namespace}})
    core.create_persistent_volume(_volume())
    core.create_namespaced_persistent_volume_claim(namespace, _claim())
    _let_us_in(RbacAuthorizationV1Api(api), team)
    for plural, body in _cluster_objects(team, cpu, memory):
        custom.create_cluster_custom_object(KUEUE, "v1beta1", plural, body)
    queue = {**_object("LocalQueue", naming.queue(team)), "spec": {"clusterQueue": f"{namespace}-clusterqueue"}}
    custom.create_namespaced_custom_object(KUEUE, "v1beta1", namespace, "localqueues", queue)


def _let_us_in(rbac: Any, team: str) -> None:
    """Say what our two roles may do in the team's namespace."""
    make = {"Role": rbac.create_namespaced_role, "RoleBinding": rbac.create_namespaced_role_binding}
    for made in onboarding.access(team):
        make[str(made["kind"])](naming.namespace(team), made)


def _object(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": f"{KUEUE}/v1beta1", "kind": kind, "metadata": {"name": name}}


def _cluster_objects(team: str, cpu: str, memory: str) -> list[tuple[str, dict[str, Any]]]:
    flavor = {
        **_object("ResourceFlavor", FLAVOR),
        "spec": {"nodeLabels": {"node.kubernetes.io/instance-type": "local.cpu"}},
    }
    quota = [{"name": "cpu", "nominalQuota": cpu}, {"name": "memory", "nominalQuota": memory}]
    group = {"coveredResources": ["cpu", "memory"], "flavors": [{"name": FLAVOR, "resources": quota}]}
    queue = {
        **_object("ClusterQueue", f"{naming.namespace(team)}-clusterqueue"),
        "spec": {
            "namespaceSelector": {},
            "resourceGroups": [group],
            "preemption": {"withinClusterQueue": "LowerPriority"},
        },
    }
    priorities = [
        ("workloadpriorityclasses", {**_object("WorkloadPriorityClass", naming.priority(name)), "value": value})
        for name, value in PRIORITIES.items()
    ]
    return [("resourceflavors", flavor), ("clusterqueues", queue), *priorities]


def _volume() -> dict[str, Any]:
    return {
        "metadata": {"name": "fsx"},
        "spec": {
            "capacity": {"storage": "1200Gi"},
            "accessModes": ["ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "csi": {"driver": "fsx.csi.aws.com", "volumeHandle": "local"},
        },
    }


def _claim() -> dict[str, Any]:
    return {
        "metadata": {"name": "fsx"},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "",
            "volumeName": "fsx",
            "resources": {"requests": {"storage": "1200Gi"}},
        },
    }
