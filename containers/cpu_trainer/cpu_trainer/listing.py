"""The listing: which files make a dataset, as the control plane wrote it beside the data.

It is checked against its own digest first, so that what it says of the files can be believed. Keys that would lead out
of the mount are refused even so.
"""

import json
from pathlib import Path, PurePosixPath

from .errors import OURS, Failure
from .files import is_sha256
from .staged import Data, Staged, opened

ROLES = ("train", "validation")


def read_listing(path: Path, sha256: str, mount: Path) -> Data:
    """Return the files of a listing as they lie under `mount`. Fails when it is not the registered one or not whole."""
    with opened(Staged(path, path.name, sha256=sha256)) as stream:
        content = stream.read()
    try:
        listing = json.loads(content)
    except ValueError as error:
        raise _bad(path, f"is not JSON: {error}") from error
    match listing:
        case {"range_bytes": int(range_bytes), "files": [*entries]} if range_bytes > 0 and entries:
            files = [_file(path, entry, mount, range_bytes) for entry in entries]
        case _:
            raise _bad(path, "expected range_bytes and at least one file")
    train, validation = (tuple(file for role, file in files if role == wanted) for wanted in ROLES)
    return Data(train, validation)


def _file(path: Path, entry: object, mount: Path, range_bytes: int) -> tuple[str, Staged]:
    match entry:
        case {
            "path": str(name),
            "key": str(key),
            "bytes": int(size),
            "sha256": str() | None as sha256,
            "ranges_sha256": str() | None as ranges_sha256,
            "role": "train" | "validation" as role,
        } if _is_inside(key) and all(digest is None or is_sha256(digest) for digest in (sha256, ranges_sha256)):
            return role, Staged(mount / key, name, size, _lower(sha256), _lower(ranges_sha256), range_bytes)
    expected = "path, a key inside the mount, bytes, sha256 and ranges_sha256 (64 hex digits or null), and role"
    raise _bad(path, f"expected {expected} ({' or '.join(ROLES)}) of a file, found {entry!r}")


def _lower(digest: str | None) -> str | None:
    return None if digest is None else digest.lower()


def _is_inside(key: str) -> bool:
    return key != "" and not key.startswith("/") and ".." not in PurePosixPath(key).parts


def _bad(path: Path, cause: str) -> Failure:
    return Failure("bad-listing", f"{path}: {cause}", "write the listing again; its data was not read", OURS)
