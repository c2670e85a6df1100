"""The priority class of a pod: one that nobody has made is refused, the others give the pod its priority."""

from localcloud.kubernetes.errors import forbidden
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.resources import POD_PRIORITIES, PODS
from localcloud.kubernetes.store import Store
from localcloud.kubernetes.writes import Write

_DEFAULT_POLICY = "PreemptLowerPriority"


def settle_priority(store: Store, write: Write) -> None:
    """Write the priority of a new pod's class into it; StatusError 403 when there is no such class."""
    if write.resource is not PODS or write.operation != "CREATE":
        return
    spec: Object = write.thing["spec"]
    name = spec.get("priorityClassName") or _default_of(store)
    found = store.get(POD_PRIORITIES, "", name)
    if name and found is None:
        raise forbidden(write.resource, write.name, f"no PriorityClass with name {name} was found")
    spec["priority"] = found["value"] if found else 0
    spec["preemptionPolicy"] = (found or {}).get("preemptionPolicy", _DEFAULT_POLICY)
    if name:
        spec["priorityClassName"] = name


def _default_of(store: Store) -> str:
    """Give the name of the class of pods that name none, or an empty string; of several the lowest holds."""
    found = [one for one in store.all_of(POD_PRIORITIES) if one.get("globalDefault")]
    return str(min(found, key=lambda one: one["value"])["metadata"]["name"]) if found else ""
