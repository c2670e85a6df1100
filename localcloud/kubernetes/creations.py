"""How a controller creates what another object wants: a refusal is told in an event and tried again, never the controller's end."""

from localcloud.kubernetes import events
from localcloud.kubernetes.api import Api, Options
from localcloud.kubernetes.errors import StatusError
from localcloud.kubernetes.objects import Object, namespace_of, uid_of
from localcloud.kubernetes.resources import EVENTS, Resource


def create_or_tell(
    api: Api, about: Object, resource: Resource, wanted: Object, options: Options, component: str
) -> Object | None:
    """Create an object in the namespace of the one that wants it, or give None when the API refuses it."""
    try:
        return api.create(resource, namespace_of(about), wanted, options)
    except StatusError as refused:
        _tell_once(api, about, refused.message, component)
        return None


def _tell_once(api: Api, about: Object, message: str, component: str) -> None:
    """Say why, unless it was said: an event is a change, after which every controller looks again."""
    why = message.partition(" is forbidden: ")[2] or message  # the name before it is random
    said = (e for e in api.store.all_of(EVENTS, namespace_of(about)) if e["involvedObject"].get("uid") == uid_of(about))
    if not any(event["message"].endswith(why) for event in said):
        events.record(api, about, "FailedCreate", f"Error creating: {message}", component, "Warning")
