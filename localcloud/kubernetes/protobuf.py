"""The few bodies that kubectl sends as protobuf and not as JSON: reviews of oneself. Anything else in protobuf is answered with 415.

The envelope is Kubernetes' own (four magic bytes, then runtime.Unknown); field numbers are those of generated.proto in k8s.io/api.
"""

from collections.abc import Iterator
from typing import Any

from localcloud.kubernetes.errors import StatusError
from localcloud.kubernetes.objects import Object

Shape = dict[int, tuple[str, "Shape | None"]]
_MAGIC = b"k8s\x00"
_TYPE: Shape = {1: ("apiVersion", None), 2: ("kind", None)}
_ATTRIBUTES: Shape = {
    number: (name, None)
    for number, name in enumerate(("namespace", "verb", "group", "version", "resource", "subresource", "name"), start=1)
}
_PATH: Shape = {1: ("path", None), 2: ("verb", None)}
_REVIEWS: dict[str, Shape] = {
    "SelfSubjectAccessReview": {
        2: ("spec", {1: ("resourceAttributes", _ATTRIBUTES), 2: ("nonResourceAttributes", _PATH)})
    },
    "SelfSubjectRulesReview": {2: ("spec", {1: ("namespace", None)})},
    "SelfSubjectReview": {},
}


def decode(raw: bytes) -> Object:
    """Give the object in a body; StatusError 415 for a kind that is only read as JSON."""
    envelope = dict(_fields(raw.removeprefix(_MAGIC)))
    head = _read(envelope.get(1, b""), _TYPE)
    shape = _REVIEWS.get(head.get("kind", "")) if raw.startswith(_MAGIC) else None
    if shape is None:
        raise unsupported()
    return {**head, **_read(envelope.get(2, b""), shape)}


def unsupported() -> StatusError:
    """415 for a body in a form that is not read."""
    why = "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml"
    return StatusError(415, "UnsupportedMediaType", why)


def _read(raw: bytes, shape: Shape) -> Object:
    found: Object = {}
    for number, value in _fields(raw):
        if number in shape and isinstance(value, bytes):
            name, inner = shape[number]
            found[name] = _read(value, inner) if inner is not None else value.decode()
    return found


def _fields(raw: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: a number, and bytes or an integer."""
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        value, at = _varint(raw, at)
        if key & 7 == 2:
            yield key >> 3, raw[at : at + value]
            at += value
        elif key & 7 == 0:
            yield key >> 3, value
        else:
            raise StatusError(400, "BadRequest", f"protobuf wire type {key & 7} is not supported")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    found = shift = 0
    while True:
        if at >= len(raw):
            raise StatusError(400, "BadRequest", "the protobuf body ends too early")
        byte, at = raw[at], at + 1
        found |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return found, at
