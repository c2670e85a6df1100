"""Which files a data repository task moves between a file system's folder and S3, and how one is moved.

Only regular files are moved, not directories; what S3 already has in this version is left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from localcloud.aws.fsx_mount import Association, Mount, version


class TaskFailed(Exception):
    """The task ends FAILED with this message."""


@dataclass(frozen=True)
class Transfer:
    """A file in the folder, and its object."""

    mount: Mount
    file: Path
    bucket: str
    key: str

    def upload(self, s3: Any, *, flipped: bool = False) -> None:
        """Folder to S3; `flipped` is with a bit that changes on the way."""
        state = version(self.file)  # taken before: what is written meanwhile is exported next time
        body = bytearray(self.file.read_bytes())
        if flipped and body:
            body[-1] ^= 1
        s3.put_object(Bucket=self.bucket, Key=self.key, Body=bytes(body))
        self.mount.synced[self.file] = state

    def download(self, s3: Any) -> None:
        """S3 to folder."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(self.bucket, self.key, str(self.file))
        self.mount.synced[self.file] = version(self.file)


def exports(mount: Mount, paths: Iterable[str]) -> list[Transfer]:
    """New and changed files under the paths, which are relative to the mount; TaskFailed when one does not exist or has no association."""
    return [transfer for path in paths for transfer in _exports_of(mount, path)]


def _exports_of(mount: Mount, path: str) -> Iterator[Transfer]:
    place = mount.path(path)
    if not place.exists():
        raise TaskFailed(f"The path {path} does not exist on the file system.")
    if path.strip("/") and mount.association_of(mount.inside(place)) is None:
        raise TaskFailed(f"The path {path} belongs to no data repository association.")
    for file in [place] if place.is_file() else sorted(place.rglob("*")):
        inside = mount.inside(file)
        link = mount.association_of(inside)
        if link and file.is_file() and not file.is_symlink() and mount.changed(file):
            yield Transfer(mount, file, link.bucket, link.key(inside))


def imports(s3: Any, mount: Mount, paths: Iterable[str]) -> list[Transfer]:
    """Objects under the paths (`s3://bucket/prefix`); TaskFailed when no association covers one."""
    return [transfer for path in paths for transfer in _imports_of(s3, mount, path)]


def _imports_of(s3: Any, mount: Mount, path: str) -> Iterator[Transfer]:
    bucket, _, prefix = path.removeprefix("s3://").partition("/")
    links = [link for link in mount.associations.values() if _covers(link, bucket, prefix)]
    if not links:
        raise TaskFailed(f"The path {path} belongs to no data repository association.")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for key in [item["Key"] for item in page.get("Contents", []) if not item["Key"].endswith("/")]:
            yield from (_import_of(mount, link, key) for link in links if key.startswith(link.prefix))


def _covers(link: Association, bucket: str, prefix: str) -> bool:
    """True when the prefix lies within the association, or the association within the prefix."""
    return link.bucket == bucket and (f"{prefix}/".startswith(link.prefix) or link.prefix.startswith(prefix))


def _import_of(mount: Mount, link: Association, key: str) -> Transfer:
    return Transfer(mount, mount.path(PurePosixPath(link.path) / key.removeprefix(link.prefix)), link.bucket, key)
