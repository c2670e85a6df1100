"""Whether a body is an object of the kind that its request names, and who it is: its name, its namespace, its uid."""

import copy
import secrets
import uuid

from localcloud.kubernetes import errors
from localcloud.kubernetes.objects import Object, is_deleted
from localcloud.kubernetes.resources import Resource

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def identified(resource: Resource, namespace: str, body: Object) -> Object:
    """Give a copy with everything that makes a new object one; StatusError 400, 422."""
    new = copy.deepcopy(body)
    check_kind(resource, new)
    metadata = new.setdefault("metadata", {})
    if metadata.get("namespace", namespace) != namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if namespace:
        metadata["namespace"] = namespace
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"] + "".join(secrets.choice(_LETTERS) for _ in range(5))
    if not metadata.get("name"):
        cause = errors.Cause("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
        raise errors.invalid(resource, "", [cause])
    metadata["uid"] = str(uuid.uuid4())
    return new


def check_kind(resource: Resource, body: Object) -> None:
    """Fill in version and kind; StatusError 400 when the body says others."""
    body.setdefault("apiVersion", resource.api_version())
    body.setdefault("kind", resource.kind)
    found, wanted = (body["apiVersion"], body["kind"]), (resource.api_version(), resource.kind)
    if found != wanted:
        raise errors.bad_request(
            f"{found[1]} in version {found[0]!r} cannot be handled as a {wanted[1]}: "
            f"the API version or kind in the data does not match the expected one ({wanted[0]}, {wanted[1]})"
        )


def require_lasting(resource: Resource) -> None:
    """Raise StatusError 405 when the kind is going, with the definition that made it."""
    if resource.definition is not None and is_deleted(resource.definition):
        why = "create not allowed while custom resource definition is terminating"
        raise errors.StatusError(405, "MethodNotAllowed", why)
