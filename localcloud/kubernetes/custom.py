"""Objects of custom kinds: read in the version of the request, judged by that version's schema."""

from collections.abc import Iterator

from localcloud.kubernetes import structural, validation
from localcloud.kubernetes.errors import Cause
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.resources import Resource
from localcloud.kubernetes.schema import Check, strict_error


def decode(resource: Resource, thing: Object, version: str, *, strict: bool) -> Object:
    """Give the object pruned and with its defaults; StatusError 400 for bad metadata, or unknown fields when strict."""
    walk = Check(resource.kind, version)
    metadata = walk.value("V1ObjectMeta", thing["metadata"], "metadata", resource.kind)
    schema = _schema(resource, version)
    kept = structural.prune(schema, {**thing, "metadata": metadata}, walk.unknown)
    if strict and walk.unknown:
        raise strict_error(resource.kind, version, walk.unknown)
    filled: Object = structural.fill(schema, kept)
    return filled


def _schema(resource: Resource, version: str) -> Object:
    found: Object = resource.at(version)["schema"]["openAPIV3Schema"]
    return found


def causes(resource: Resource, new: Object, old: Object | None, version: str) -> Iterator[Cause]:
    """Give everything wrong with an object; what a create says of a status of its own is not kept, so it is not judged."""
    ignored = ("status",) if old is None and resource.status else ()
    judged = {key: part for key, part in new.items() if key not in ignored}
    yield from validation.causes(_schema(resource, version), judged, "")
