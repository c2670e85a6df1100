"""The roles and bindings that a cluster has from the start, as far as they are about kinds that are served here.

The real `admin`, `edit` and `view` are aggregated from many; here each is one list. None of them covers Kueue's kinds, and none of the three covers
what has no namespace: whoever needs those needs a role of his own.
"""

from localcloud.kubernetes.authentication import AUTHENTICATED, MASTERS
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.resources import RBAC

_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_OPEN_PATHS = [
    "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version",
]  # fmt: skip
_REVIEWS = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]
_USED = ["configmaps", "persistentvolumeclaims", "pods", "serviceaccounts"]
_PARTS = ["events", "namespaces", "persistentvolumeclaims/status", "pods/log", "pods/status", "resourcequotas",
          "resourcequotas/status"]  # fmt: skip
_VIEW: list[Object] = [
    {"apiGroups": [""], "resources": [*_USED, *_PARTS], "verbs": _READ},
    {"apiGroups": ["batch"], "resources": ["jobs", "jobs/status"], "verbs": _READ},
]
_EDIT: list[Object] = [
    *_VIEW,
    {"apiGroups": [""], "resources": ["secrets"], "verbs": _READ},
    {"apiGroups": [""], "resources": [*_USED, "events", "secrets"], "verbs": _WRITE},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": _WRITE},
]
FIRST_ROLES: dict[str, list[Object]] = {
    "cluster-admin": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ],
    "admin": [*_EDIT, {"apiGroups": [RBAC], "resources": ["rolebindings", "roles"], "verbs": [*_READ, *_WRITE]}],
    "edit": _EDIT,
    "view": _VIEW,
    "system:discovery": [{"nonResourceURLs": _OPEN_PATHS, "verbs": ["get"]}],
    "system:basic-user": [
        {"apiGroups": ["authorization.k8s.io"], "resources": _REVIEWS, "verbs": ["create"]},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
    ],
}
FIRST_BINDINGS = {"cluster-admin": MASTERS, "system:discovery": AUTHENTICATED, "system:basic-user": AUTHENTICATED}
