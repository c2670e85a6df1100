"""Which writes a policy of admission is about: its MatchResources, by kind, operation, name and labels."""

from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.resources import NAMESPACES
from localcloud.kubernetes.selectors import by_label_object
from localcloud.kubernetes.writes import Write


def matches(resources: Object, write: Write, namespace: Object | None) -> bool:
    """Tell whether MatchResources include a write; without rules they include any."""
    rules, excluded = resources.get("resourceRules"), resources.get("excludeResourceRules") or []
    if rules and not any(_is_of(rule, write) for rule in rules):
        return False
    if any(_is_of(rule, write) for rule in excluded):
        return False
    return _has_labels(resources, write, namespace)


def _is_of(rule: Object, write: Write) -> bool:
    scope = "Namespaced" if write.resource.namespaced else "Cluster"
    return (
        _holds(rule.get("apiGroups"), write.resource.group)
        and any(_holds(rule.get("apiVersions"), version) for version in write.resource.versions)
        and _holds(rule.get("operations"), write.operation)
        and (_holds(rule.get("resources"), write.resource.plural) or "*/*" in rule["resources"])
        and rule.get("scope", "*") in ("*", scope)
        and write.name in (rule.get("resourceNames") or [write.name])
    )


def _holds(allowed: list[str] | None, wanted: str) -> bool:
    return "*" in (allowed or []) or wanted in (allowed or [])


def _has_labels(resources: Object, write: Write, namespace: Object | None) -> bool:
    """A namespace is selected by its own labels; anything else outside of namespaces is always selected."""
    place = write.thing if write.resource is NAMESPACES else namespace
    in_place = place is None or by_label_object(resources.get("namespaceSelector") or {})(place)
    things = [one for one in (write.new, write.old) if one is not None]
    return in_place and any(by_label_object(resources.get("objectSelector") or {})(one) for one in things)
