"""Checkpoints in a folder or in S3, opened with the caller's own rights; no deployment is needed.

Links are followed only where they stay inside: a folder from elsewhere may point anywhere. The one exception is huggingface_hub's cache, whose
snapshots are links into `blobs/` two folders up.
"""

import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from dropforge.client.refusals import Refused
from dropforge.domain.checkpoint_shapes.contents import Opened
from dropforge.domain.checkpoint_shapes.folders import GLANCE_ON_DISK, Folder
from dropforge.domain.checkpoint_shapes.opening import MOST_FILES, open_checkpoint
from dropforge.domain.failures import failure
from dropforge.errors import InvalidInput

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AT_ONCE = 16  # reads of S3 under way; each is one header
Told = Callable[[int, int], None]
T = TypeVar("T")


def verify(where: str | Path, told: Told = lambda _done, _all: None, session: boto3.Session | None = None) -> Opened:
    """Open the newest good checkpoint of a folder or below an S3 URI and say what it is. `told(done, all)` hears of each file of weights.

    Raises Refused: which file is wrong, why, and what to do; ValueError when `where` can be neither; ClientError as S3 says it.
    """
    place = str(where)
    try:
        folder = _in_s3(place, told, session) if place.startswith("s3://") else _on_disk(Path(place), told)
        return open_checkpoint(place, folder)
    except InvalidInput as problem:
        raise Refused(problem.failure) from problem
    except OSError as error:
        why = f"{error.filename or place}: {error.strerror or error}."
        raise Refused(failure("CheckpointDamaged", why, {"where": place})) from error


def _in_s3(uri: str, told: Told, session: boto3.Session | None) -> Folder:
    parts = urlsplit(uri, allow_fragments=False)
    bucket, key = parts.netloc, uri.removeprefix(f"s3://{parts.netloc}").strip("/")
    if not bucket:
        raise ValueError(f"{uri} names no bucket; write s3://bucket/prefix.")
    prefix = f"{key}/" if key else ""
    s3: S3Client = (session or boto3.Session()).client("s3", config=Config(max_pool_connections=AT_ONCE))
    return Folder(
        sizes=_listed(s3, bucket, prefix),
        reading=partial(_read_object, s3, bucket, prefix),
        spread=_Spread(AT_ONCE, told),
        has_beside=lambda suffix: bool(key) and _exists(s3, bucket, key + suffix),
    )


def _listed(s3: "S3Client", bucket: str, prefix: str) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        sizes |= {
            o["Key"].removeprefix(prefix): o["Size"] for o in page.get("Contents", []) if not o["Key"].endswith("/")
        }
        if len(sizes) > MOST_FILES:
            break
    return sizes


def _read_object(s3: "S3Client", bucket: str, prefix: str, path: str, offset: int, length: int) -> bytes:
    try:
        answer = s3.get_object(Bucket=bucket, Key=prefix + path, Range=f"bytes={offset}-{offset + length - 1}")
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "InvalidRange"):
            return b""  # it was listed a moment ago: the domain says that it has changed
        raise
    with answer["Body"] as body:
        return body.read()


def _exists(s3: "S3Client", bucket: str, key: str) -> bool:
    return any(o["Key"] == key for o in s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", []))


def _on_disk(path: Path, told: Told) -> Folder:
    top = path.resolve()
    files, left_out = _walked(top)

    def read(name: str, offset: int, length: int) -> bytes:
        with (top / name).open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(length)

    return Folder(
        sizes=files,
        reading=read,
        spread=_Spread(1, told),
        left_out=left_out,
        has_beside=lambda suffix: (top.parent / f"{top.name}{suffix}").exists(),
        glance=GLANCE_ON_DISK,
    )


def _walked(top: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Return the sizes of the regular files below a folder, and why others are not among them."""
    sizes: dict[str, int] = {}
    left_out: dict[str, str] = {}
    allowed = (top, top.parent.parent / "blobs") if top.parent.name == "snapshots" else (top,)
    for path in top.rglob("*"):
        if path.is_dir():  # one that is a link is not gone into
            continue
        relative = path.relative_to(top).as_posix()
        if why := _objection(path, allowed):
            left_out[relative] = why
        else:
            sizes[relative] = path.stat().st_size
        if len(sizes) + len(left_out) > MOST_FILES:
            break
    return sizes, left_out


def _objection(path: Path, allowed: Iterable[Path]) -> str:
    """Return why a path is not taken for a file of the folder; empty when it is."""
    try:
        path.name.encode()
        target = path.resolve(strict=True)
        if not stat.S_ISREG(target.stat().st_mode):
            return "is no regular file"
    except (OSError, RuntimeError, ValueError):
        return "is a link to nothing, or has a name that is not UTF-8"
    return "" if any(target.is_relative_to(place) for place in allowed) else "is a link that leads out of the folder"


class _Spread:
    """Asks of many files, some at once, and tells how far it is."""

    def __init__(self, at_once: int, told: Told) -> None:
        self._at_once, self._told = at_once, told

    def __call__(self, ask: Callable[[str], T], paths: Iterable[str], /) -> Iterator[T]:
        known = list(paths)
        if self._at_once == 1 or len(known) < 2:
            yield from self._counted(map(ask, known), len(known))
            return
        with ThreadPoolExecutor(self._at_once) as pool:
            try:
                yield from self._counted(pool.map(ask, known), len(known))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _counted(self, answers: Iterator[T], total: int) -> Iterator[T]:
        for done, answer in enumerate(answers, 1):
            self._told(done, total)
            yield answer
