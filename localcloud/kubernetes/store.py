"""The one copy of every object, with a history that watches replay.

Objects are copy-on-write, so readers and watchers share them without copying; the lock is re-entrant because a
controller holds it over a whole decision.
"""

import threading
from dataclasses import dataclass, field

from localcloud.kubernetes.objects import Object, name_of, namespace_of
from localcloud.kubernetes.resources import Resource

_HISTORY = 20_000
_FORGET = 5_000


@dataclass(frozen=True)
class Change:
    """One line of the history: ADDED, MODIFIED or DELETED at a resource version."""

    version: int
    verb: str
    resource: Resource
    object: Object
    before: Object | None


@dataclass
class Store:
    """All objects of one cluster."""

    version: int = 100
    floor: int = 100
    lock: threading.RLock = field(default_factory=threading.RLock)
    _objects: dict[str, dict[tuple[str, str], Object]] = field(default_factory=dict)
    _history: list[Change] = field(default_factory=list)
    _births: dict[str, int] = field(default_factory=dict)
    _closed: bool = False

    def __post_init__(self) -> None:
        self._changed = threading.Condition(self.lock)

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Give one object or None. The caller must not change it."""
        with self.lock:
            return self._objects.get(resource.key, {}).get((namespace, name))

    def all_of(self, resource: Resource, namespace: str = "") -> list[Object]:
        """Give the objects of one kind, in one namespace or (empty) in all, ordered by namespace and name."""
        with self.lock:
            found = self._objects.get(resource.key, {})
            return [found[key] for key in sorted(found) if not namespace or key[0] == namespace]

    def put(self, resource: Resource, thing: Object) -> Object:
        """Store an object under a new resource version and tell every watcher."""
        with self.lock:
            shelf = self._objects.setdefault(resource.key, {})
            key = (namespace_of(thing), name_of(thing))
            before = shelf.get(key)
            stored = self._stamp(thing)
            shelf[key] = stored
            if before is None:
                self._births[stored["metadata"]["uid"]] = self.version
            self._tell(Change(self.version, "MODIFIED" if before else "ADDED", resource, stored, before))
            return stored

    def remove(self, resource: Resource, thing: Object) -> Object:
        """Take an object out for good."""
        with self.lock:
            before = self._objects[resource.key].pop((namespace_of(thing), name_of(thing)))
            gone = self._stamp(thing)
            self._births.pop(gone["metadata"]["uid"], None)
            self._tell(Change(self.version, "DELETED", resource, gone, before))
            return gone

    def born(self, thing: Object) -> int:
        """Give the resource version at creation: a finer order of age than whole seconds."""
        with self.lock:
            return self._births.get(thing["metadata"]["uid"], 0)

    def _stamp(self, thing: Object) -> Object:
        self.version += 1
        return {**thing, "metadata": {**thing["metadata"], "resourceVersion": str(self.version)}}

    def _tell(self, change: Change) -> None:
        self._history.append(change)
        if len(self._history) > _HISTORY:
            self.floor = self._history[_FORGET - 1].version
            del self._history[:_FORGET]
        self._changed.notify_all()

    def after(self, version: int) -> list[Change]:
        """Give the history after a resource version; the caller compares it with `floor` first."""
        with self.lock:
            place = len(self._history)
            while place and self._history[place - 1].version > version:
                place -= 1
            return self._history[place:]

    def forget(self) -> None:
        """Drop the history, as the compaction of a real cluster does: older watches answer 410."""
        with self.lock:
            self._history.clear()
            self.floor = self.version

    def wait(self, version: int, timeout: float | None) -> bool:
        """Sleep until something is newer than `version`; False after `timeout` seconds or when closed."""
        with self.lock:
            return self._changed.wait_for(lambda: self._closed or self.version > version, timeout) and not self._closed

    def close(self) -> None:
        """Wake everyone who waits, for the last time."""
        with self.lock:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Tell whether the cluster is stopping."""
        return self._closed
