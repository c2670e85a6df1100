"""Objects of custom kinds: read in the version of the request, judged by that version's schema."""

from collections.abc import Iterator

from localcloud.kubernetes import schema_rules, structural, validation
from localcloud.kubernetes.errors import Cause
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.resources import Resource
from localcloud.kubernetes.schema import Check

_NOT_ASKED = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"


def decode(resource: Resource, thing: Object, version: str, unknown: list[str], *, filled: bool = True) -> Object:
    """Give the object pruned and, when it is to be `filled`, with its defaults; the paths of unknown fields are added to `unknown`.

    StatusError 400 for bad metadata.
    """
    walk = Check(resource.kind, version, unknown)
    metadata = walk.value("V1ObjectMeta", thing["metadata"], "metadata", resource.kind)
    schema = _schema(resource, version)
    kept = structural.prune(schema, {**thing, "metadata": metadata}, walk.unknown)
    return dict(structural.fill(schema, kept)) if filled else kept


def _schema(resource: Resource, version: str) -> Object:
    found: Object = resource.at(version)["schema"]["openAPIV3Schema"]
    return found


def causes(resource: Resource, new: Object, old: Object | None, version: str) -> Iterator[Cause]:
    """Give everything wrong with an object; what a create says of a status of its own is not kept, so it is not judged."""
    ignored = ("status",) if old is None and resource.status else ()
    judged = {key: part for key, part in new.items() if key not in ignored}
    schema = _schema(resource, version)
    wrong = list(validation.causes(schema, judged, "", old))
    yield from wrong
    if validation.blocks_rules(wrong):
        yield Cause("<nil>", f"Invalid value: null: {_NOT_ASKED}")
    else:
        yield from schema_rules.causes(schema, _visible(judged), _visible(old) if old else None)


def _visible(thing: Object) -> Object:
    """An object as its rules see it: of its metadata only the name."""
    metadata = {key: value for key, value in thing["metadata"].items() if key in ("name", "generateName")}
    return {**thing, "metadata": metadata}
