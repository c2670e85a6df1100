"""Listings: the files of an upload as an object beside them, because state cannot carry them. What is read is compared with its digest."""

import hashlib

from dropforge.adapters import storage
from dropforge.domain.datasets import Files, Listing
from dropforge.domain.uploads import Upload
from dropforge.errors import InvalidInput


def write(bucket: str, key: str, files: Files) -> Listing:
    """Write a listing and return its reference. The same files are the same bytes."""
    body = files.model_dump_json().encode()
    version_id = storage.write(bucket, key, body)
    return Listing(bucket=bucket, key=key, version_id=version_id, sha256=hashlib.sha256(body).hexdigest())


def read(listing: Listing) -> Files:
    """Return what a listing holds. Raises InvalidInput (ListingChanged), NotFound (UploadGone)."""
    body = storage.read_whole(Upload(bucket=listing.bucket, key=listing.key, version_id=listing.version_id))
    found = hashlib.sha256(body).hexdigest()
    if found != listing.sha256:
        why = f"`{listing.key}` has the SHA-256 {found}; {listing.sha256} was written."
        raise InvalidInput("ListingChanged", why, {"key": listing.key})
    return Files.model_validate_json(body)
