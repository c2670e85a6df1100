"""What S3 tells EventBridge about objects: one event per change, with an identity of its own.

moto gave all events one id, and announced the inner steps of a multipart upload as well as the whole.
"""

import uuid
from contextvars import ContextVar
from typing import Any

from moto.s3 import notifications

from localcloud.aws.events import announce, new_event
from localcloud.aws.seams import Replacements

_MULTIPART = "s3:ObjectCreated:CompleteMultipartUpload"
_REASONS = {
    _MULTIPART: "CompleteMultipartUpload",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:Post": "POST Object",
}
_ONLY: ContextVar[str] = ContextVar("only", default="")


def install(replacements: Replacements) -> None:
    """Announce changes of objects once and properly."""
    replacements.replace("moto.s3.notifications:_send_event_bridge_message", _announce_object)

    def send_event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        if _ONLY.get() in ("", event_name.value):
            original(account_id, event_name, bucket, key)

    original = replacements.replace("moto.s3.notifications:send_event", send_event)

    def complete(backend: Any, *arguments: Any, **options: Any) -> Any:
        token = _ONLY.set(_MULTIPART)
        try:
            return original_complete(backend, *arguments, **options)
        finally:
            _ONLY.reset(token)

    original_complete = replacements.replace("moto.s3.models:S3Backend.complete_multipart_upload", complete)


def _announce_object(account_id: str, bucket: Any, event_name: str, key: Any) -> None:
    """Send an S3 event to the default bus. https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html."""
    thing = {"key": key.name, "size": key.size, "etag": key.etag.strip('"'), "sequencer": f"{uuid.uuid4().hex[:16]}"}
    if bucket.is_versioned:
        thing["version-id"] = key.version_id
    detail = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": thing,
        "request-id": uuid.uuid4().hex[:16].upper(),
        "requester": account_id,
        "source-ip-address": "127.0.0.1",
        "reason": _REASONS.get(event_name, "PutObject"),
    }
    event = new_event(
        "aws.s3", notifications._detail_type(event_name), detail, [bucket.arn], account_id, bucket.region_name
    )
    announce(event)
