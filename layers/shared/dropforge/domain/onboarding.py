"""What a team gets on a cluster: a namespace, quota and queue, priorities, the file system, and what our two roles may do there.

EKS access entries map the roles to the groups. Every object can be applied again and again; flavors and priorities are the cluster's, and the same
for every team. Names are HyperPod task governance's where it has one.
"""

from dropforge import naming
from dropforge.domain.values import Slug, Value

Manifest = dict[str, object]
RBAC = "rbac.authorization.k8s.io"
KUEUE = "kueue.x-k8s.io/v1beta1"  # HyperPod's own tools write it; newer Kueue serves it beside v1beta2
PRIORITIES = {"inference": 100, "training": 75, "experiment": 50}
JOBS_AT_ONCE = 2000  # finished ones stay for a day; more would slow everybody's lists down
POD_SECURITY = "baseline"  # our containers give up every capability, and images may still run as root
_LOOK = ["get", "list"]
_JOBS: Manifest = {"apiGroups": ["batch"], "resources": ["jobs"]}
RULES: dict[str, list[Manifest]] = {
    "reader": [
        {**_JOBS, "verbs": _LOOK},
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": _LOOK},
        {"apiGroups": ["kueue.x-k8s.io"], "resources": ["workloads", "localqueues"], "verbs": _LOOK},
    ],
    "writer": [
        {**_JOBS, "verbs": [*_LOOK, "create", "patch", "delete", "deletecollection"]},
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": _LOOK},
    ],
}

QUEUES_RULE: Manifest = {
    "apiGroups": ["kueue.x-k8s.io"],
    "resources": ["clusterqueues", "cohorts", "resourceflavors"],
    "verbs": _LOOK,
}  # the only thing our roles may do outside of a team's namespace: quota is shared, so whether a job fits is written nowhere else


class Quota(Value):
    """What a team may use at once of the nodes of one instance type: Kubernetes quantities by resource.

    A quota of the cluster's small nodes, with no accelerators, is what small steps run on. Without one they run on the nodes of the training: give
    more `cpu` and `memory` than that takes, or they wait for it.
    """

    instance_type: str
    resources: dict[str, str]


class FileSystem(Value):
    """An FSx for Lustre file system as a cluster mounts it."""

    id: str
    dns_name: str
    mount_name: str
    gibibytes: int


class Team(Value):
    """A team on a cluster. All quotas name the same resources, as one group of Kueue's must; `claim` is the cluster's."""

    name: Slug
    quotas: tuple[Quota, ...]
    claim: str
    file_system: FileSystem


CALLERS = {
    "reader": ("watch_jobs", "preview_run"),
    "writer": ("submit_job", "report_failure", "sweep"),
}  # functions that assume each role


def group(role: str) -> str:
    """Return the Kubernetes group of one of our two roles on a cluster, `reader` or `writer`."""
    return f"dropforge-{role}s"


def team_objects(team: Team) -> list[Manifest]:
    """Return everything of a team as Kubernetes objects, each after what it needs."""
    return [_namespace(team.name), _object_quota(team.name), *_storage(team), *access(team.name), *_queueing(team)]


def _namespace(team: str) -> Manifest:
    labels = {naming.label("team"): team, "pod-security.kubernetes.io/enforce": POD_SECURITY}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": naming.namespace(team), "labels": labels}}


def _object_quota(team: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": _within(team, "dropforge"),
        "spec": {"hard": {"count/jobs.batch": str(JOBS_AT_ONCE)}},
    }


def _within(team: str, name: str) -> dict[str, str]:
    return {"name": name, "namespace": naming.namespace(team)}


def _storage(team: Team) -> list[Manifest]:
    """The volume is the claim's alone, from the start: another namespace's claim would see another team's data."""
    file_system, claim = team.file_system, _within(team.name, team.claim)
    size = {"storage": f"{file_system.gibibytes}Gi"}
    shared = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    csi = {
        "driver": "fsx.csi.aws.com",
        "volumeHandle": file_system.id,
        "volumeAttributes": {"dnsname": file_system.dns_name, "mountname": file_system.mount_name},
    }
    volume = {
        **shared,
        "capacity": size,
        "persistentVolumeReclaimPolicy": "Retain",
        "mountOptions": ["flock"],
        "csi": csi,
        "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **claim},
    }
    name = f"{claim['namespace']}-{team.claim}"
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": volume},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": claim,
            "spec": {**shared, "volumeName": name, "resources": {"requests": size}},
        },
    ]


def access(team: str) -> list[Manifest]:
    """Return what our roles may do for a team as Kubernetes objects: in its namespace, and a look at the cluster's queues."""
    return [*(made for role in RULES for made in (_role(team, role), _binding(team, role))), *_looking()]


def _looking() -> list[Manifest]:
    """The reader looks at the cluster's queues; the same for every team."""
    name = f"{group('reader')}-queues"
    head = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": name}}
    subject = {"kind": "Group", "apiGroup": RBAC, "name": group("reader")}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
    return [
        {**head, "kind": "ClusterRole", "rules": [QUEUES_RULE]},
        {**head, "kind": "ClusterRoleBinding", "subjects": [subject], "roleRef": reference},
    ]


def _role(team: str, role: str) -> Manifest:
    return {**_head("Role", team, role), "rules": RULES[role]}


def _binding(team: str, role: str) -> Manifest:
    subject = {"kind": "Group", "apiGroup": RBAC, "name": group(role)}
    reference = {"apiGroup": RBAC, "kind": "Role", "name": f"dropforge-{role}"}
    return {**_head("RoleBinding", team, role), "subjects": [subject], "roleRef": reference}


def _head(kind: str, team: str, role: str) -> Manifest:
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": _within(team, f"dropforge-{role}")}


def _queueing(team: Team) -> list[Manifest]:
    queue = naming.cluster_queue(team.name)
    return [
        *(_flavor(quota.instance_type) for quota in team.quotas),
        *(_priority(name, value) for name, value in PRIORITIES.items()),
        {"apiVersion": KUEUE, "kind": "ClusterQueue", "metadata": {"name": queue}, "spec": _cluster_queue(team)},
        {
            "apiVersion": KUEUE,
            "kind": "LocalQueue",
            "metadata": _within(team.name, naming.queue(team.name)),
            "spec": {"clusterQueue": queue},
        },
    ]


def _flavor(instance_type: str) -> Manifest:
    spec = {"nodeLabels": {"node.kubernetes.io/instance-type": instance_type}}
    return {"apiVersion": KUEUE, "kind": "ResourceFlavor", "metadata": {"name": instance_type}, "spec": spec}


def _priority(name: str, value: int) -> Manifest:
    metadata = {"name": naming.priority(name)}
    return {"apiVersion": KUEUE, "kind": "WorkloadPriorityClass", "metadata": metadata, "value": value}


def _cluster_queue(team: Team) -> Manifest:
    flavors = [
        {
            "name": quota.instance_type,
            "resources": [{"name": name, "nominalQuota": amount} for name, amount in quota.resources.items()],
        }
        for quota in team.quotas
    ]
    covered = list(team.quotas[0].resources)
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": naming.namespace(team.name)}},
        "resourceGroups": [{"coveredResources": covered, "flavors": flavors}],
        "preemption": {"withinClusterQueue": "LowerPriority"},
    }
