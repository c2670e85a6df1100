"""Events: what controllers tell people about an object. The same message again only counts up."""

from contextlib import suppress

from localcloud.kubernetes.api import Api, Options, place_of
from localcloud.kubernetes.errors import StatusError
from localcloud.kubernetes.objects import Object, name_of, now, uid_of
from localcloud.kubernetes.resources import EVENTS


def record(api: Api, about: Object, reason: str, message: str, component: str, kind: str = "Normal") -> None:
    """Write an event about an object; `kind` is Normal or Warning. A namespace that is going takes no events."""
    namespace = about["metadata"].get("namespace") or "default"
    if not api.accepts(namespace):
        return
    for found in api.store.all_of(EVENTS, namespace):
        same = (found["reason"], found["message"]) == (reason, message)
        if same and found["involvedObject"]["uid"] == uid_of(about):
            api.change(place_of(EVENTS, found), _again, Options(component))
            return
    with suppress(StatusError):  # as in a real cluster, an event that a quota has no room for is lost
        api.create(EVENTS, namespace, _event(about, namespace, reason, message, component, kind), Options(component))


def _again(event: Object) -> Object:
    return {**event, "count": event["count"] + 1, "lastTimestamp": now()}


def _event(about: Object, namespace: str, reason: str, message: str, component: str, kind: str) -> Object:
    involved = {"kind": about["kind"], "apiVersion": about["apiVersion"], "name": name_of(about), "uid": uid_of(about)}
    return {
        "metadata": {"generateName": f"{name_of(about)}."},
        "involvedObject": {**involved, "namespace": namespace},
        "type": kind,
        "reason": reason,
        "message": message,
        "count": 1,
        "firstTimestamp": now(),
        "lastTimestamp": now(),
        "source": {"component": component},
    }
