"""Removes what nobody owns any more: dependents of deleted owners, and the contents of deleted namespaces."""

from dataclasses import dataclass

from localcloud.kubernetes.api import Api, place_of
from localcloud.kubernetes.deletion import FOREGROUND, Deletion, delete, dependents
from localcloud.kubernetes.objects import Object, is_deleted, name_of, owner_uids, uid_of
from localcloud.kubernetes.resources import NAMESPACES, Resource
from localcloud.kubernetes.store import Change


@dataclass
class Garbage:
    """The collector of one cluster; it scans only after a change that can make garbage."""

    api: Api
    _seen: int = 0

    def reconcile(self) -> float | None:
        """Delete every object whose owners are all gone, and empty the namespaces that are going."""
        changes = self.api.store.after(self._seen)
        self._seen = self.api.store.version
        if any(_matters(change) for change in changes):
            self._collect()
            self._end_foreground()
            self._end_namespaces()
        return None

    def _collect(self) -> None:
        everything = [(r, thing) for r in self.api.kinds.all() for thing in self.api.store.all_of(r)]
        alive = {uid_of(thing) for _, thing in everything}
        for resource, thing in everything:
            owners = owner_uids(thing)
            if owners and alive.isdisjoint(owners) and not is_deleted(thing):
                self._delete(resource, thing)

    def _end_foreground(self) -> None:
        for resource in self.api.kinds.all():
            for owner in self.api.store.all_of(resource):
                if FOREGROUND in (owner["metadata"].get("finalizers") or []) and is_deleted(owner):
                    self._delete_dependents(resource, owner)

    def _delete_dependents(self, resource: Resource, owner: Object) -> None:
        left = dependents(self.api, uid_of(owner))
        for kind, thing in left:
            if not is_deleted(thing):
                self._delete(kind, thing)
        if not left:
            self.api.change(place_of(resource, owner), _without_foreground)

    def _end_namespaces(self) -> None:
        for namespace in filter(is_deleted, self.api.store.all_of(NAMESPACES)):
            for resource, thing in self._contents(name_of(namespace)):
                if not is_deleted(thing):
                    self._delete(resource, thing)
            if not self._contents(name_of(namespace)):
                self.api.store.remove(NAMESPACES, namespace)

    def _contents(self, namespace: str) -> list[tuple[Resource, Object]]:
        return [
            (r, thing) for r in self.api.kinds.all() if r.namespaced for thing in self.api.store.all_of(r, namespace)
        ]

    def _delete(self, resource: Resource, thing: Object) -> None:
        place = place_of(resource, thing)
        if self.api.store.get(resource, place.namespace, place.name) is not None:
            delete(self.api, place, Deletion(propagation="Background"))


def _matters(change: Change) -> bool:
    born_owned = change.verb == "ADDED" and bool(owner_uids(change.object))
    return change.verb == "DELETED" or born_owned or is_deleted(change.object)


def _without_foreground(owner: Object) -> Object:
    left = [word for word in owner["metadata"]["finalizers"] if word != FOREGROUND]
    return {**owner, "metadata": {**owner["metadata"], "finalizers": left}}
