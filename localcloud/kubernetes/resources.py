"""The kinds this API serves.

A Kueue kind is served in two versions and stored in one (the first of `versions`), as the real server does it; the
conversion happens at the door and nothing behind it sees the other version.
"""

from collections.abc import Iterator
from dataclasses import dataclass

KUEUE = "kueue.x-k8s.io"
RBAC = "rbac.authorization.k8s.io"
_V1 = ("v1",)
_KUEUE_VERSIONS = ("v1beta2", "v1beta1")


@dataclass(frozen=True)
class Resource:
    """One kind: where it is served and whether it has a namespace and a status of its own."""

    group: str
    plural: str
    kind: str
    versions: tuple[str, ...] = _V1
    namespaced: bool = True
    status: bool = False
    counts_generations: bool = False

    @property
    def key(self) -> str:
        """Give the name used in messages and in the store, such as `jobs.batch`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def api_version(self, version: str = "") -> str:
        """Give `group/version`; without an argument, of the stored version."""
        chosen = version or self.versions[0]
        return f"{self.group}/{chosen}" if self.group else chosen


NAMESPACES = Resource("", "namespaces", "Namespace", namespaced=False, status=True)
CONFIG_MAPS = Resource("", "configmaps", "ConfigMap")
SECRETS = Resource("", "secrets", "Secret")
SERVICE_ACCOUNTS = Resource("", "serviceaccounts", "ServiceAccount")
PODS = Resource("", "pods", "Pod", status=True, counts_generations=True)
EVENTS = Resource("", "events", "Event")
NODES = Resource("", "nodes", "Node", namespaced=False, status=True)
VOLUMES = Resource("", "persistentvolumes", "PersistentVolume", namespaced=False, status=True)
CLAIMS = Resource("", "persistentvolumeclaims", "PersistentVolumeClaim", status=True)
QUOTAS = Resource("", "resourcequotas", "ResourceQuota", status=True)
JOBS = Resource("batch", "jobs", "Job", status=True, counts_generations=True)
ROLES = Resource(RBAC, "roles", "Role")
ROLE_BINDINGS = Resource(RBAC, "rolebindings", "RoleBinding")
CLUSTER_ROLES = Resource(RBAC, "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS = Resource(RBAC, "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
STORAGE_CLASSES = Resource("storage.k8s.io", "storageclasses", "StorageClass", namespaced=False)
DEFINITIONS = Resource(
    "apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False, status=True
)
CLUSTER_QUEUES = Resource(KUEUE, "clusterqueues", "ClusterQueue", _KUEUE_VERSIONS, False, True, True)
LOCAL_QUEUES = Resource(KUEUE, "localqueues", "LocalQueue", _KUEUE_VERSIONS, True, True, True)
FLAVORS = Resource(KUEUE, "resourceflavors", "ResourceFlavor", _KUEUE_VERSIONS, False, False, True)
WORKLOADS = Resource(KUEUE, "workloads", "Workload", _KUEUE_VERSIONS, True, True, True)
WORKLOAD_PRIORITIES = Resource(KUEUE, "workloadpriorityclasses", "WorkloadPriorityClass", _KUEUE_VERSIONS, False)
COHORTS = Resource(KUEUE, "cohorts", "Cohort", _KUEUE_VERSIONS, False, True, True)
TOPOLOGIES = Resource(KUEUE, "topologies", "Topology", _KUEUE_VERSIONS, False)

ALL = (
    NAMESPACES, CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, PODS, EVENTS, NODES, VOLUMES, CLAIMS, QUOTAS, JOBS, ROLES,
    ROLE_BINDINGS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, STORAGE_CLASSES, DEFINITIONS, CLUSTER_QUEUES, LOCAL_QUEUES,
    FLAVORS, WORKLOADS, WORKLOAD_PRIORITIES, COHORTS, TOPOLOGIES,
)  # fmt: skip


def find(group: str, version: str, plural: str) -> Resource | None:
    """Give the kind served at this group, version and plural, or None."""
    return next((r for r in ALL if (r.group, r.plural) == (group, plural) and version in r.versions), None)


def served(group: str, version: str) -> Iterator[Resource]:
    """Give every kind of one group and version."""
    return (r for r in ALL if r.group == group and version in r.versions)
