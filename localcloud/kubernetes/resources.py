"""The kinds this API always serves; kinds.py has those that a cluster's own definitions add.

A Kueue kind is served in two versions and stored in one (the first of `versions`), as the real server does it; the
conversion happens at the door and nothing behind it sees the other version.
"""

from dataclasses import dataclass, field
from typing import Any

KUEUE = "kueue.x-k8s.io"
ADMISSION = "admissionregistration.k8s.io"
RBAC = "rbac.authorization.k8s.io"
_V1 = ("v1",)
_KUEUE_VERSIONS = ("v1beta2", "v1beta1")


@dataclass(frozen=True)
class Resource:
    """One kind: where it is served and whether it has a namespace and a status of its own.

    Objects are stored in the first of `versions`. A custom kind comes with its CustomResourceDefinition.
    """

    group: str
    plural: str
    kind: str
    versions: tuple[str, ...] = _V1
    namespaced: bool = True
    status: bool = False
    counts_generations: bool = False
    definition: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> str:
        """Give the name used in messages and in the store, such as `jobs.batch`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def names(self) -> dict[str, Any]:
        """Give what a custom kind's definition says of its names."""
        return self.definition["spec"]["names"] if self.definition else {}

    @property
    def list_kind(self) -> str:
        """Give the kind of a list of these."""
        return str(self.names.get("listKind") or f"{self.kind}List")

    @property
    def is_custom(self) -> bool:
        """Tell whether a definition makes this kind, here or (Kueue's) in a real cluster."""
        return self.definition is not None or self.group == KUEUE

    @property
    def served(self) -> tuple[str, ...]:
        """Give the versions that clients may use."""
        if self.definition is None:
            return self.versions
        return tuple(one["name"] for one in self.definition["spec"]["versions"] if one["served"])

    def at(self, version: str) -> dict[str, Any]:
        """Give what a custom kind's definition says of one version."""
        versions = self.definition["spec"]["versions"] if self.definition else []
        found: dict[str, Any] = next(one for one in versions if one["name"] == version)
        return found

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
POD_PRIORITIES = Resource(
    "scheduling.k8s.io", "priorityclasses", "PriorityClass", namespaced=False, counts_generations=True
)
DEFINITIONS = Resource(
    "apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False, status=True
)
POLICIES = Resource(
    ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", _V1, False, True, counts_generations=True
)
POLICY_BINDINGS = Resource(
    ADMISSION,
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    _V1,
    False,
    counts_generations=True,
)
CLUSTER_QUEUES = Resource(KUEUE, "clusterqueues", "ClusterQueue", _KUEUE_VERSIONS, False, True, True)
LOCAL_QUEUES = Resource(KUEUE, "localqueues", "LocalQueue", _KUEUE_VERSIONS, True, True, True)
FLAVORS = Resource(KUEUE, "resourceflavors", "ResourceFlavor", _KUEUE_VERSIONS, False, False, True)
WORKLOADS = Resource(KUEUE, "workloads", "Workload", _KUEUE_VERSIONS, True, True, True)
WORKLOAD_PRIORITIES = Resource(KUEUE, "workloadpriorityclasses", "WorkloadPriorityClass", _KUEUE_VERSIONS, False)
COHORTS = Resource(KUEUE, "cohorts", "Cohort", _KUEUE_VERSIONS, False, True, True)
TOPOLOGIES = Resource(KUEUE, "topologies", "Topology", _KUEUE_VERSIONS, False)

BUILT_IN = (
    NAMESPACES, CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, PODS, EVENTS, NODES, VOLUMES, CLAIMS, QUOTAS, JOBS, ROLES,
    ROLE_BINDINGS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, STORAGE_CLASSES, POD_PRIORITIES, DEFINITIONS, POLICIES,
    POLICY_BINDINGS, CLUSTER_QUEUES, LOCAL_QUEUES,
    FLAVORS, WORKLOADS, WORKLOAD_PRIORITIES, COHORTS, TOPOLOGIES,
)  # fmt: skip
