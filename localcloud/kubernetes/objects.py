"""Small functions over Kubernetes objects.

Objects stay plain dictionaries: what a client stores must come back as it was, and a class per kind would lose fields.
A stored object is never changed in place; whoever wants to change one works on a copy.
"""

from datetime import datetime
from typing import Any

from localcloud.kubernetes import clock

Object = dict[str, Any]
TERMINAL_PHASES = ("Succeeded", "Failed")


def now() -> str:
    """Give the cluster's time as Kubernetes writes it: UTC, whole seconds."""
    return clock.moment().strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_since(stamp: str) -> float:
    """Give the seconds passed since a time written by `now`."""
    return (clock.moment() - datetime.fromisoformat(stamp)).total_seconds()


def short(seconds: float) -> str:
    """Write a duration as kubectl writes short ones: 5s, 7m, 3h, 2d."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(seconds, 0))}s"


def age(stamp: str) -> str:
    """Write how long ago a time was."""
    return short(seconds_since(stamp))


def dig(value: Any, *path: str) -> Any:
    """Follow keys through dictionaries; None where one is missing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def namespace_of(thing: Object) -> str:
    """Give the namespace, or an empty string for a cluster-wide object."""
    return str(thing["metadata"].get("namespace") or "")


def name_of(thing: Object) -> str:
    """Give the name."""
    return str(thing["metadata"]["name"])


def uid_of(thing: Object) -> str:
    """Give the uid."""
    return str(thing["metadata"]["uid"])


def labels_of(thing: Object) -> dict[str, str]:
    """Give the labels, perhaps none."""
    return thing["metadata"].get("labels") or {}


def is_deleted(thing: Object) -> bool:
    """Tell whether deletion was asked for and waits for finalizers or processes."""
    return "deletionTimestamp" in thing["metadata"]


def owner_uids(thing: Object) -> list[str]:
    """Give the uids of all owners."""
    return [str(owner["uid"]) for owner in thing["metadata"].get("ownerReferences") or []]


def owner_reference(owner: Object) -> Object:
    """Give the reference a controller puts on what it creates."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def phase_of(pod: Object) -> str:
    """Give `status.phase`, Pending where nothing was written yet."""
    return str(dig(pod, "status", "phase") or "Pending")


def is_finished_pod(pod: Object) -> bool:
    """Tell whether a pod's processes are over for good."""
    return phase_of(pod) in TERMINAL_PHASES


def condition(thing: Object, kind: str) -> Object | None:
    """Give the condition of this type."""
    found = (c for c in dig(thing, "status", "conditions") or [] if c["type"] == kind)
    return next(found, None)


def is_true(thing: Object, kind: str) -> bool:
    """Tell whether a condition exists and has status True."""
    found = condition(thing, kind)
    return found is not None and found["status"] == "True"


def set_condition(conditions: list[Object], fresh: Object) -> None:
    """Put one condition into a list, keeping `lastTransitionTime` while its status stays the same."""
    place = next((i for i, c in enumerate(conditions) if c["type"] == fresh["type"]), None)
    if place is None:
        conditions.append({**fresh, "lastTransitionTime": now()})
        return
    old = conditions[place]
    moved = old["status"] != fresh["status"]
    conditions[place] = {**fresh, "lastTransitionTime": now() if moved else old["lastTransitionTime"]}
