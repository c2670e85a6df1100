"""What a role and a binding must be: the API server's checks of RBAC objects, and its defaults.

An aggregated cluster role is refused by name, because a role that never fills up would allow less than it says.
"""

import json
from typing import Any

from localcloud.kubernetes.errors import Cause, unsupported
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.resources import RBAC

_REQUIRED = "FieldValueRequired"
_GROUP_OF = {"User": RBAC, "Group": RBAC, "ServiceAccount": ""}


def admit_role(new: Object, _: Object | None) -> list[Cause]:
    """Check a Role or ClusterRole."""
    causes = [
        cause
        for index, rule in enumerate(new.get("rules") or [])
        for cause in _rule_causes(rule, f"rules[{index}]", namespaced=new["kind"] == "Role")
    ]
    if new.get("aggregationRule"):
        why = "Forbidden: aggregated cluster roles are not supported by the local cluster"
        causes.append(Cause("aggregationRule", why, "FieldValueForbidden"))
    return causes


def _rule_causes(rule: Object, path: str, *, namespaced: bool) -> list[Cause]:
    verbs = [] if rule.get("verbs") else [_required(f"{path}.verbs", "verbs must contain at least one value")]
    if rule.get("nonResourceURLs"):
        return verbs + _url_causes(rule, f"{path}.nonResourceURLs", namespaced=namespaced)
    groups, resources = f"{path}.apiGroups", f"{path}.resources"
    if not rule.get("apiGroups"):
        verbs.append(_required(groups, "resource rules must supply at least one api group"))
    if not rule.get("resources"):
        verbs.append(_required(resources, "resource rules must supply at least one resource"))
    return verbs


def _url_causes(rule: Object, path: str, *, namespaced: bool) -> list[Cause]:
    causes = []
    if namespaced:
        causes.append(_invalid(path, rule["nonResourceURLs"], "namespaced rules cannot apply to non-resource URLs"))
    if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
        why = "rules cannot apply to both regular resources and non-resource URLs"
        causes.append(_invalid(path, rule["nonResourceURLs"], why))
    return causes


def admit_binding(new: Object, old: Object | None) -> list[Cause]:
    """Fill in the API groups of a RoleBinding or ClusterRoleBinding and check it; what it refers to never changes."""
    reference = new.setdefault("roleRef", {})
    reference.setdefault("apiGroup", RBAC)
    if old is not None and old["roleRef"] != reference:
        return [_invalid("roleRef", reference, "cannot change roleRef")]
    kinds = ["ClusterRole"] if new["kind"] == "ClusterRoleBinding" else ["ClusterRole", "Role"]
    causes = [
        *_one_of("roleRef.apiGroup", reference["apiGroup"], [RBAC]),
        *_one_of("roleRef.kind", reference.get("kind", ""), kinds),
        *([] if reference.get("name") else [_required("roleRef.name", "")]),
    ]
    for index, subject in enumerate(new.get("subjects") or []):
        causes += _subject_causes(subject, f"subjects[{index}]")
    return causes


def _subject_causes(subject: Object, path: str) -> list[Cause]:
    causes = [] if subject.get("name") else [_required(f"{path}.name", "")]
    kind = subject.get("kind", "")
    if kind not in _GROUP_OF:
        return causes + _one_of(f"{path}.kind", kind, sorted(_GROUP_OF))
    if subject.setdefault("apiGroup", _GROUP_OF[kind]) != _GROUP_OF[kind]:
        causes += _one_of(f"{path}.apiGroup", subject["apiGroup"], [_GROUP_OF[kind]])
    if kind == "ServiceAccount":
        del subject["apiGroup"]
        if not subject.get("namespace"):
            causes.append(_required(f"{path}.namespace", ""))
    return causes


def _required(path: str, why: str) -> Cause:
    return Cause(path, f"Required value{': ' if why else ''}{why}", _REQUIRED)


def _invalid(path: str, value: Any, why: str) -> Cause:
    return Cause(path, f"Invalid value: {json.dumps(value)}: {why}")


def _one_of(path: str, value: str, allowed: list[str]) -> list[Cause]:
    return [] if value in allowed else [unsupported(path, value, allowed)]
