"""Pod Security: what a namespace's labels `pod-security.kubernetes.io/enforce` and `warn` say of its pods, in the API server's words.

Only pods are refused; a Job whose template breaks the level is taken, and its pods never come. A warning is given for both. Checks are those of
Kubernetes 1.36 whatever version the namespace names.
"""

from collections.abc import Mapping

from localcloud.kubernetes.errors import Cause, forbidden
from localcloud.kubernetes.objects import Object, labels_of
from localcloud.kubernetes.pod_security_checks import BASELINE, RESTRICTED, Check
from localcloud.kubernetes.resources import JOBS, NAMESPACES, PODS
from localcloud.kubernetes.store import Store
from localcloud.kubernetes.writes import Write

_PREFIX = "pod-security.kubernetes.io"
_MODES = ("enforce", "audit", "warn")
_LEVELS: Mapping[str, Mapping[str, Check]] = {"privileged": {}, "baseline": BASELINE, "restricted": RESTRICTED}


def require_secure(store: Store, write: Write) -> None:
    """Raise StatusError 403 for a new pod that its namespace's level forbids; warn of pods that a second level would forbid."""
    spec = _pod_spec(write)
    if spec is None:
        return
    labels = labels_of(store.get(NAMESPACES, "", write.namespace) or {"metadata": {}})
    if write.resource is PODS and (broken := _broken(labels, "enforce", spec)):
        raise forbidden(write.resource, write.name, f"violates PodSecurity {broken}")
    if broken := _broken(labels, "warn", spec):
        write.warn(f"would violate PodSecurity {broken}")


def _pod_spec(write: Write) -> Object | None:
    """Give the pods that a write is about; a pod that exists does not change what is asked about here."""
    if write.new is None or (write.resource is PODS and write.operation != "CREATE"):
        return None
    if write.resource is JOBS:
        found: Object = write.new["spec"]["template"]["spec"]
        return found
    return write.new["spec"] if write.resource is PODS else None


def _broken(labels: Mapping[str, str], mode: str, spec: Object) -> str:
    """Say which level of the namespace a pod breaks, and how; nothing where it breaks none."""
    level = labels.get(f"{_PREFIX}/{mode}", "privileged")
    found = {reason: check(spec) for reason, check in _LEVELS.get(level, {}).items()}
    broken = ", ".join(f"{reason} ({detail})" for reason, detail in found.items() if detail)
    version = labels.get(f"{_PREFIX}/{mode}-version", "latest")
    return f'"{level}:{version}": {broken}' if broken else ""


def label_causes(namespace: Object) -> list[Cause]:
    """Give what is wrong with a namespace's levels."""
    labels = {f"{_PREFIX}/{mode}": labels_of(namespace).get(f"{_PREFIX}/{mode}", "privileged") for mode in _MODES}
    return [
        Cause(f"metadata.labels[{label}]", f'Invalid value: "{level}": must be one of privileged, baseline, restricted')
        for label, level in labels.items()
        if level not in _LEVELS
    ]
