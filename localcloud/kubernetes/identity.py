"""Whether a body is an object of the kind that its request names, and who it is: its name, its namespace, its uid."""

import copy
import secrets
import uuid

from localcloud.kubernetes import errors
from localcloud.kubernetes.objects import Object, dig, is_deleted
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


def check_identity(resource: Resource, name: str, old: Object, new: Object) -> None:
    """Check that a changed object is still the one of this name; StatusError 400, or 409 when it is another or a newer one."""
    check_kind(resource, new)
    metadata, was = new.setdefault("metadata", {}), old["metadata"]
    if metadata.get("name", name) != name:
        message = f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
        raise errors.bad_request(message)
    if metadata.get("uid", was["uid"]) != was["uid"]:
        why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {was['uid']}"
        raise errors.conflict(resource, name, why)
    if metadata.get("resourceVersion", was["resourceVersion"]) != was["resourceVersion"]:
        why = "the object has been modified; please apply your changes to the latest version and try again"
        raise errors.conflict(resource, name, why)


def as_declared(resource: Resource, name: str, declared: Object) -> Object:
    """Give a copy of what an apply declares of the object of this name; StatusError 400 when it is about another."""
    declared = copy.deepcopy(declared)
    check_kind(resource, declared)
    if dig(declared, "metadata", "managedFields"):
        raise errors.bad_request("metadata.managedFields must be nil")
    if dig(declared, "metadata", "name") not in (None, name):
        raise errors.bad_request("the name of the object does not match the name on the URL")
    return declared
