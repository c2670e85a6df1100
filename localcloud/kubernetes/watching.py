"""A watch: the history after a resource version, then everything new, as it happens.

A change that moves an object into or out of the selector is told as ADDED or DELETED, as a real server does.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from localcloud.kubernetes.errors import StatusError, bad_request, expired
from localcloud.kubernetes.objects import Object, namespace_of
from localcloud.kubernetes.resources import Resource
from localcloud.kubernetes.selectors import Predicate
from localcloud.kubernetes.store import Change, Store

_BOOKMARK_SECONDS = 60.0


@dataclass(frozen=True)
class Watch:
    """What is watched: `version` empty or "0" starts with every object there is."""

    resource: Resource
    namespace: str
    matches: Predicate
    version: str
    seconds: float
    bookmarks: bool = False


def events(store: Store, watch: Watch) -> Iterator[Object]:
    """Give watch events until the time is over or the cluster stops; the first may be an ERROR with 410."""
    try:
        last = _start(store, watch)
    except StatusError as error:
        yield {"type": "ERROR", "object": error.body()}
        return
    if watch.version in ("", "0"):
        with store.lock:
            last, present = store.version, store.all_of(watch.resource, watch.namespace)
        yield from ({"type": "ADDED", "object": thing} for thing in present if watch.matches(thing))
    yield from _follow(store, watch, last)


def _start(store: Store, watch: Watch) -> int:
    if not (watch.version or "0").isdigit():
        raise bad_request(f'Invalid value: "{watch.version}": resourceVersion must be a number')
    version = int(watch.version or 0)
    if version and version < store.floor:
        raise expired(f"too old resource version: {version} ({store.floor})")
    return version


def _follow(store: Store, watch: Watch, last: int) -> Iterator[Object]:
    end = time.monotonic() + watch.seconds
    while (left := end - time.monotonic()) > 0 and not store.closed:
        store.wait(last, min(left, _BOOKMARK_SECONDS))
        changes = store.after(last)
        for change in changes:
            yield from _told(watch, change)
        last = changes[-1].version if changes else last
        if watch.bookmarks and not changes:
            yield _bookmark(watch.resource, last)


def _told(watch: Watch, change: Change) -> Iterator[Object]:
    if change.resource.key != watch.resource.key or (
        watch.namespace and namespace_of(change.object) != watch.namespace
    ):
        return
    now_in = watch.matches(change.object)
    was_in = change.before is not None and watch.matches(change.before)
    if change.verb == "DELETED":
        if was_in or now_in:
            yield {"type": "DELETED", "object": change.object}
    elif now_in:
        yield {"type": "MODIFIED" if was_in else "ADDED", "object": change.object}
    elif was_in:
        yield {"type": "DELETED", "object": change.object}


def _bookmark(resource: Resource, version: int) -> Object:
    metadata = {"resourceVersion": str(version)}
    return {
        "type": "BOOKMARK",
        "object": {"kind": resource.kind, "apiVersion": resource.api_version(), "metadata": metadata},
    }
