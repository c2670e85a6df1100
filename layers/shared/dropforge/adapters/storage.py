"""S3: objects by version, in blocks or ranges."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

from dropforge.adapters import aws
from dropforge.adapters.marks import Marker
from dropforge.domain.datasets import File
from dropforge.domain.uploads import Upload
from dropforge.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, ObjectVersionTypeDef

BLOCK = 64 * 1024
PAGES = 10  # of 1,000 versions: what one sweep looks at
_GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound", "405", "MethodNotAllowed"})
_OVERTAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
_NO_VERSION = frozenset({"400", "InvalidArgument"})  # what S3 says of a version id that cannot be one


class Listed(NamedTuple):
    """What a listing says of an object; another content has another `tag`.

    S3 computes a CRC-64/NVME of objects that came without a checksum of their own.

    Source: Amazon S3 User Guide, "Checking object integrity". Not verified on AWS: that an export task's objects are among these.
    """

    bytes: int
    tag: str
    has_crc: bool


def describe(upload: Upload) -> File:
    """Return the uploaded object as a file. Raises NotFound (UploadGone)."""
    head = _head(upload)
    path = upload.key.rpartition("/")[2]
    return File(path=path, key=upload.key, version_id=upload.version_id, bytes=head["ContentLength"])


def uploaded_at(upload: Upload) -> str:
    """Return when S3 took an object version in (RFC 3339, UTC, whole seconds). Raises NotFound (UploadGone)."""
    return f"{_head(upload)['LastModified']:%Y-%m-%dT%H:%M:%SZ}"


def _head(upload: Upload) -> "HeadObjectOutputTypeDef":
    try:
        return aws.s3().head_object(Bucket=upload.bucket, Key=upload.key, VersionId=upload.version_id)
    except ClientError as error:
        raise _gone(error, upload.key) from error


def newest_version(bucket: str, key: str) -> str | None:
    """Return the newest version id of an object, or None."""
    try:
        return aws.s3().head_object(Bucket=bucket, Key=key)["VersionId"]
    except ClientError as error:
        if aws.code_of(error) in _GONE:
            return None
        raise


def newest_files(bucket: str, prefix: str) -> dict[str, File]:
    """Return the newest version of every object below a prefix, by path relative to it; a thousand in one request."""
    pages = aws.s3().get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    entries = (entry for page in pages for entry in page.get("Versions", []) if entry["IsLatest"])
    files = ((entry["Key"].removeprefix(prefix), entry) for entry in entries)
    return {
        path: File(path=path, key=entry["Key"], version_id=entry["VersionId"], bytes=entry["Size"])
        for path, entry in files
    }


def read_whole(upload: Upload, limit: int | None = None) -> bytes:
    """Return an object version, at most its first `limit` bytes. Raises NotFound (UploadGone)."""
    try:
        answer = aws.s3().get_object(Bucket=upload.bucket, Key=upload.key, VersionId=upload.version_id)
    except ClientError as error:
        raise _gone(error, upload.key) from error
    with closing(answer["Body"]) as body:
        return body.read(limit)


def read_newest(bucket: str, key: str, limit: int | None = None) -> bytes | None:
    """Return the newest version of an object, at most its first `limit` bytes, or None."""
    version_id = newest_version(bucket, key)
    return None if version_id is None else read_whole(Upload(bucket=bucket, key=key, version_id=version_id), limit)


def read_blocks(bucket: str, file: File, begin: int, end: int) -> Iterator[bytes]:
    """Yield the bytes from `begin` up to `end` of an object version in blocks of 64 KiB. Raises NotFound (UploadGone)."""
    wanted = f"bytes={begin}-{end - 1}"
    try:
        answer = aws.s3().get_object(Bucket=bucket, Key=file.key, VersionId=file.version_id, Range=wanted)
    except ClientError as error:
        raise _gone(error, file.key) from error
    with closing(answer["Body"]) as body:
        yield from body.iter_chunks(BLOCK)


def read_range(bucket: str, key: str, offset: int, length: int) -> bytes:
    """Return `length` bytes of an object from `offset`."""
    if length == 0:
        return b""
    answer = aws.s3().get_object(Bucket=bucket, Key=key, Range=f"bytes={offset}-{offset + length - 1}")
    with closing(answer["Body"]) as body:
        return body.read()


def objects(bucket: str, prefix: str) -> dict[str, Listed]:
    """Return what a listing says of every object below a prefix, by path relative to it."""
    pages = aws.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    entries = (entry for page in pages for entry in page.get("Contents", []))
    return {
        entry["Key"].removeprefix(prefix): Listed(
            entry["Size"], entry["ETag"], "CRC64NVME" in entry.get("ChecksumAlgorithm", ())
        )
        for entry in entries
    }


def crc64nvme(bucket: str, key: str) -> str:
    """Return the CRC-64/NVME that S3 has of an object, in base64; empty where it has none."""
    return aws.s3().head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED").get("ChecksumCRC64NVME", "")


def next_slice(bucket: str, prefix: str, marker: Marker) -> "tuple[list[ObjectVersionTypeDef], Marker]":
    """Return at most 10,000 object versions from a marker on, and the marker after them; an empty one after the last."""
    found: list[ObjectVersionTypeDef] = []
    for _ in range(PAGES):
        place = {"KeyMarker": marker.key, "VersionIdMarker": marker.version_id} if marker.key else {}
        if not marker.version_id:
            place.pop("VersionIdMarker", None)
        page = aws.s3().list_object_versions(Bucket=bucket, Prefix=prefix, **place)  # type: ignore[arg-type]
        found += page.get("Versions", [])
        if not page["IsTruncated"]:
            return found, Marker()
        marker = Marker(key=page["NextKeyMarker"], version_id=page.get("NextVersionIdMarker", ""))
    return found, marker


def write_json(bucket: str, key: str, document: object) -> str:
    """Write a JSON object and return its URI."""
    body = json.dumps(document, indent=1, ensure_ascii=False).encode()
    aws.s3().put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
    return f"s3://{bucket}/{key}"


def write(bucket: str, key: str, body: bytes) -> str:
    """Write a JSON object as it is and return its version id."""
    return aws.s3().put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")["VersionId"]


def write_newer(bucket: str, key: str, body: str, content_type: str, before: str | None) -> bool:
    """Write an object over the one whose ETag is `before` (None: where there is none). Returns False when another one is there meanwhile.

    Source: Amazon S3 User Guide, "How to prevent object overwrites with conditional writes": 412 when the condition does not hold, 409 when another
    write was under way, 404 when what was to be replaced is not there any more.
    """
    condition = {"IfMatch": before} if before else {"IfNoneMatch": "*"}
    what = {"Bucket": bucket, "Key": key, "Body": body.encode(), "ContentType": content_type}
    try:
        aws.s3().put_object(**what, **condition)  # type: ignore[arg-type]
    except ClientError as error:
        if aws.code_of(error) in _OVERTAKEN:
            return False
        raise
    return True


def etag_and_text(bucket: str, key: str, limit: int | None = None) -> tuple[str | None, str]:
    """Return the ETag and the text of an object's newest version, at most its first `limit` bytes; None and nothing where there is none."""
    try:
        answer = aws.s3().get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if aws.code_of(error) in _GONE:
            return None, ""
        raise
    with closing(answer["Body"]) as body:
        return answer["ETag"], body.read(limit).decode(errors="replace")


def write_text(bucket: str, key: str, text: str) -> str:
    """Write a text object and return its URI."""
    aws.s3().put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="text/plain; charset=utf-8")
    return f"s3://{bucket}/{key}"


def _gone(error: ClientError, key: str) -> Exception:
    if aws.code_of(error) in _GONE | _NO_VERSION:
        return NotFound("UploadGone", f"`{key}` is not there any more in the version that was uploaded.", {"key": key})
    return error
