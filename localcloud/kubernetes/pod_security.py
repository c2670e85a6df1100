"""Pod Security: what a namespace's label `pod-security.kubernetes.io/enforce` forbids its pods, in the API server's words.

Only pods are refused; a Job whose template breaks the level is taken, and its pods never come. Checks are those of Kubernetes 1.36 whatever version
the namespace names.
"""

from collections.abc import Mapping

from localcloud.kubernetes.errors import Cause, forbidden
from localcloud.kubernetes.objects import Object, labels_of
from localcloud.kubernetes.pod_security_checks import BASELINE, RESTRICTED, Check
from localcloud.kubernetes.resources import NAMESPACES, PODS
from localcloud.kubernetes.store import Store
from localcloud.kubernetes.writes import Write

ENFORCE = "pod-security.kubernetes.io/enforce"
_VERSION = f"{ENFORCE}-version"
_LEVELS: Mapping[str, Mapping[str, Check]] = {"privileged": {}, "baseline": BASELINE, "restricted": RESTRICTED}


def require_secure(store: Store, write: Write) -> None:
    """Raise StatusError 403 for a new pod that its namespace's level forbids."""
    if write.resource is not PODS or write.operation != "CREATE":
        return
    labels = labels_of(store.get(NAMESPACES, "", write.namespace) or {"metadata": {}})
    level = labels.get(ENFORCE, "privileged")
    found = {reason: check(write.thing["spec"]) for reason, check in _LEVELS.get(level, {}).items()}
    broken = ", ".join(f"{reason} ({detail})" for reason, detail in found.items() if detail)
    if broken:
        why = f'violates PodSecurity "{level}:{labels.get(_VERSION, "latest")}": {broken}'
        raise forbidden(write.resource, write.name, why)


def label_causes(namespace: Object) -> list[Cause]:
    """Give what is wrong with a namespace's level."""
    level = labels_of(namespace).get(ENFORCE, "privileged")
    why = f'Invalid value: "{level}": must be one of privileged, baseline, restricted'
    return [] if level in _LEVELS else [Cause(f"metadata.labels[{ENFORCE}]", why)]
