"""What a team gets on a cluster so that our two roles may work there, and nowhere else.

EKS access entries map the roles to the groups; these objects, in each team's namespace, say what the groups may do. Kubernetes names are those that
people read in an API server's refusal.
"""

from dropforge import naming

RBAC = "rbac.authorization.k8s.io"
_LOOK = ["get", "list"]
_JOBS = {"apiGroups": ["batch"], "resources": ["jobs"]}
RULES: dict[str, list[dict[str, object]]] = {
    "reader": [
        {**_JOBS, "verbs": _LOOK},
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": _LOOK},
        {"apiGroups": ["kueue.x-k8s.io"], "resources": ["workloads"], "verbs": _LOOK},
    ],
    "writer": [
        {**_JOBS, "verbs": [*_LOOK, "create", "patch", "delete", "deletecollection"]},
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": _LOOK},
    ],
}


def group(role: str) -> str:
    """Return the Kubernetes group of one of our two roles on a cluster, `reader` or `writer`."""
    return f"dropforge-{role}s"


def access(team: str) -> list[dict[str, object]]:
    """Return the Roles and RoleBindings of a team's namespace as Kubernetes objects."""
    return [made for role in RULES for made in (_role(team, role), _binding(team, role))]


def _role(team: str, role: str) -> dict[str, object]:
    return {**_head("Role", team, role), "rules": RULES[role]}


def _binding(team: str, role: str) -> dict[str, object]:
    subject = {"kind": "Group", "apiGroup": RBAC, "name": group(role)}
    reference = {"apiGroup": RBAC, "kind": "Role", "name": f"dropforge-{role}"}
    return {**_head("RoleBinding", team, role), "subjects": [subject], "roleRef": reference}


def _head(kind: str, team: str, role: str) -> dict[str, object]:
    metadata = {"name": f"dropforge-{role}", "namespace": naming.namespace(team)}
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata}
