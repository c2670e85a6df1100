"""What happens to an object between the request and the store: fields checked, defaults filled in, rules applied."""

import re
from collections.abc import Callable

from localcloud.kubernetes import custom, kueue_rules, schema
from localcloud.kubernetes.definition_rules import admit_definition
from localcloud.kubernetes.errors import Cause, invalid
from localcloud.kubernetes.job_rules import admit_job
from localcloud.kubernetes.objects import Object, name_of
from localcloud.kubernetes.pod_rules import admit_pod
from localcloud.kubernetes.pod_security import label_causes
from localcloud.kubernetes.policy_rules import admit_policy, admit_policy_binding
from localcloud.kubernetes.quota_scopes import admit_quota
from localcloud.kubernetes.rbac_rules import admit_binding, admit_role
from localcloud.kubernetes.resources import KUEUE, Resource

Rule = Callable[[Object, Object | None], list[Cause]]
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_LABEL_NAME = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
_LABEL_VALUE = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")
_RBAC_NAME = re.compile(r"^[^/%]+$")


def decode(resource: Resource, thing: Object, version: str, unknown: list[str], *, filled: bool = True) -> Object:
    """Give the object without unknown fields, whose paths are added to `unknown`; StatusError 400 for wrong types.

    A custom one has the defaults of its schema when it is to be `filled`.
    """
    if resource.definition is not None:
        return custom.decode(resource, thing, version, unknown, filled=filled)
    check = kueue_rules.check if resource.group == KUEUE else schema.check
    return check(thing, version, unknown)


def admit(resource: Resource, new: Object, old: Object | None, version: str) -> None:
    """Default the object in place and check its values; StatusError 422 naming every wrong field."""
    causes = [*_name_causes(resource, new), *_label_causes(new)]
    if resource.definition is not None:
        causes += custom.causes(resource, new, old, version)
    elif rule := kueue_rules.admit if resource.group == KUEUE else _RULES.get(resource.kind):
        causes += rule(new, old)
    if causes:
        raise invalid(resource, name_of(new), causes)


def _name_causes(resource: Resource, thing: Object) -> list[Cause]:
    name = name_of(thing)
    shape = _RBAC_NAME if resource.group.startswith("rbac.") else _SUBDOMAIN
    limit = 63 if resource.kind in ("Namespace", "Job") else 253
    if shape.match(name) and len(name) <= limit:
        return []
    message = (
        f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '
        f"'-' or '.', and must start and end with an alphanumeric character; at most {limit} characters"
    )
    return [Cause("metadata.name", message)]


def _label_causes(thing: Object) -> list[Cause]:
    labels = thing["metadata"].get("labels") or {}
    names = [name for name in labels if not _LABEL_NAME.match(name)]
    values = [value for value in labels.values() if not _LABEL_VALUE.match(value)]
    return [Cause("metadata.labels", f'Invalid value: "{word}"') for word in names + values]


def _admit_namespace(new: Object, _: Object | None) -> list[Cause]:
    labels = new["metadata"].get("labels") or {}
    new["metadata"]["labels"] = {**labels, "kubernetes.io/metadata.name": name_of(new)}
    new["spec"] = {"finalizers": ["kubernetes"]}
    return label_causes(new)


def _admit_claim(new: Object, old: Object | None) -> list[Cause]:
    spec = new.setdefault("spec", {})
    spec.setdefault("volumeMode", "Filesystem")
    causes = []
    if not spec.get("accessModes"):
        causes.append(Cause("spec.accessModes", "Required value: at least 1 access mode is required"))
    if "storage" not in ((spec.get("resources") or {}).get("requests") or {}):
        causes.append(Cause("spec.resources[storage]", "Required value"))
    if old is not None and old["spec"].get("volumeName") not in (None, spec.get("volumeName")):
        causes.append(Cause("spec", "Forbidden: spec is immutable after creation", "FieldValueForbidden"))
    return causes


def _admit_secret(new: Object, _: Object | None) -> list[Cause]:
    new.setdefault("type", "Opaque")
    return []


def _admit_priority(new: Object, old: Object | None) -> list[Cause]:
    new.setdefault("preemptionPolicy", "PreemptLowerPriority")
    changed = [key for key in ("value", "preemptionPolicy") if old is not None and old.get(key) != new.get(key)]
    return [Cause(key, "Forbidden: may not be changed in an update.", "FieldValueForbidden") for key in changed]


_RULES: dict[str, Rule] = {
    "Pod": admit_pod,
    "Job": admit_job,
    "Namespace": _admit_namespace,
    "PersistentVolumeClaim": _admit_claim,
    "Secret": _admit_secret,
    "PriorityClass": _admit_priority,
    "Role": admit_role,
    "ClusterRole": admit_role,
    "RoleBinding": admit_binding,
    "ClusterRoleBinding": admit_binding,
    "CustomResourceDefinition": admit_definition,
    "ResourceQuota": admit_quota,
    "ValidatingAdmissionPolicy": admit_policy,
    "ValidatingAdmissionPolicyBinding": admit_policy_binding,
}


def first_status(resource: Resource) -> Object | None:
    """Give the status an object is born with."""
    return {
        "Namespace": {"phase": "Active"},
        "Pod": {"phase": "Pending"},
        "PersistentVolumeClaim": {"phase": "Pending"},
        "PersistentVolume": {"phase": "Available"},
    }.get(resource.kind)
