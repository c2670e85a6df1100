"""DELETE: preconditions, finalizers, grace periods of pods, and what happens to owned objects.

The default propagation of a Job is Orphan, as in a real cluster: a client that forgets `Background` leaves pods running.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from localcloud.kubernetes import clock, errors
from localcloud.kubernetes.api import Api, Place, place_of
from localcloud.kubernetes.authentication import User
from localcloud.kubernetes.objects import Object, is_deleted, is_finished_pod, owner_uids, uid_of
from localcloud.kubernetes.resources import JOBS, NAMESPACES, PODS, Resource
from localcloud.kubernetes.writes import Write

FOREGROUND = "foregroundDeletion"


@dataclass(frozen=True)
class Deletion:
    """The parts of DeleteOptions that matter here; `grace` in seconds, None for the object's own."""

    propagation: str = ""
    uid: str = ""
    resource_version: str = ""
    grace: int | None = None
    dry_run: bool = False
    user: User | None = None


def delete(api: Api, place: Place, deletion: Deletion) -> Object:
    """Delete an object, or mark it where something must happen first; gives the marked object or a `Status`."""
    with api.store.lock:
        found = api.get(place)
        _check_preconditions(place, found, deletion)
        api.admit(Write(place.resource, None, found, deletion.user, deletion.dry_run))
        if deletion.dry_run:
            return success(place.resource, found)
        propagation = deletion.propagation or ("Orphan" if place.resource is JOBS else "Background")
        if propagation == "Orphan":
            _orphan(api, found)
        return _remove_or_mark(api, place, found, replace(deletion, propagation=propagation))


def _check_preconditions(place: Place, found: Object, deletion: Deletion) -> None:
    wanted = {"UID": (deletion.uid, "uid"), "ResourceVersion": (deletion.resource_version, "resourceVersion")}
    for word, (value, key) in wanted.items():
        have = found["metadata"][key]
        if value and value != have:
            why = f"Precondition failed: {word} in precondition: {value}, {word} in object meta: {have}"
            raise errors.conflict(place.resource, place.name, why)


def _remove_or_mark(api: Api, place: Place, found: Object, deletion: Deletion) -> Object:
    grace = _grace(place, found, deletion)
    finalizers = list(found["metadata"].get("finalizers") or [])
    if deletion.propagation == "Foreground" and FOREGROUND not in finalizers and dependents(api, uid_of(found)):
        finalizers.append(FOREGROUND)
    if finalizers or grace or place.resource is NAMESPACES:
        return api.store.put(place.resource, _marked(place, found, finalizers, grace))
    return success(place.resource, api.store.remove(place.resource, found))


def _grace(place: Place, found: Object, deletion: Deletion) -> int:
    spec = found.get("spec") or {}
    if place.resource is not PODS or is_finished_pod(found) or not spec.get("nodeName"):
        return 0
    asked = spec.get("terminationGracePeriodSeconds", 30) if deletion.grace is None else deletion.grace
    left = found["metadata"].get("deletionGracePeriodSeconds", asked)
    return int(min(asked, left))


def _marked(place: Place, found: Object, finalizers: list[str], grace: int) -> Object:
    until = clock.moment() + timedelta(seconds=grace)
    metadata = {
        "deletionTimestamp": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **found["metadata"],
        "deletionGracePeriodSeconds": grace,
    }
    if finalizers:
        metadata["finalizers"] = finalizers
    marked = {**found, "metadata": metadata}
    if place.resource is NAMESPACES:
        marked["status"] = {**(found.get("status") or {}), "phase": "Terminating"}
    return found if is_deleted(found) and marked == found else marked


def dependents(api: Api, uid: str) -> list[tuple[Resource, Object]]:
    """Give every object that names this uid as an owner."""
    return [(r, thing) for r in api.kinds.all() for thing in api.store.all_of(r) if uid in owner_uids(thing)]


def _orphan(api: Api, owner: Object) -> None:
    for resource, thing in dependents(api, uid_of(owner)):
        api.change(place_of(resource, thing), lambda old: _disowned(old, uid_of(owner)))


def _disowned(thing: Object, uid: str) -> Object:
    kept = [owner for owner in thing["metadata"]["ownerReferences"] if owner["uid"] != uid]
    metadata = {key: value for key, value in thing["metadata"].items() if key != "ownerReferences"}
    return {**thing, "metadata": {**metadata, "ownerReferences": kept} if kept else metadata}


def success(resource: Resource, gone: Object) -> Object:
    """Give the `Status` that answers a completed delete."""
    metadata = gone["metadata"]
    details = {"name": metadata["name"], "group": resource.group, "kind": resource.plural, "uid": metadata["uid"]}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
