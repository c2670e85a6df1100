"""Uploading a dataset: one file that is complete by itself, or a folder of its own that its manifest completes, last of all.

Files are read twice, once for their digests and once for S3, and never held in memory. S3 takes 5 GB in one request; what is larger goes in parts,
because only the request that ends an upload says which version it made.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from dropforge.client.addresses import Addresses
from dropforge.client.refusals import Refused
from dropforge.domain.failures import failure
from dropforge.domain.uploads import MANIFEST, PREFIX, RunBlock, Upload

SUFFIXES = (".jsonl", ".jsonl.gz")
PART = 64 * 1024 * 1024
ONE_REQUEST = 4 * 1024**3
Moved = Callable[[int], None]


def upload(addresses: Addresses, path: Path, place: tuple[str, str], run: RunBlock, moved: Moved) -> Upload:
    """Upload a file or a folder as a dataset; `place` is (project, dataset), `moved` hears of every part's bytes. Raises Refused for an empty folder.

    A file without a run request is complete by itself. Otherwise everything goes into a folder named by its content, followed by the manifest that
    names all files and carries the request: the same again has the same name.
    """
    root = f"{PREFIX}{place[0]}/{place[1]}"
    if path.is_file() and not run:
        return _put(addresses, path, f"{root}/{train_name(path)}", moved)
    files = {train_name(path): path} if path.is_file() else files_of(path)
    lines = [_line(name, file) for name, file in sorted(files.items())]
    folder = f"{root}/{_digest(lines)[:12]}-{_digest(run)[:8]}"
    for name, file in sorted(files.items()):
        _put(addresses, file, f"{folder}/{name}", moved)
    manifest = json.dumps({"files": lines, "run": run}, indent=1).encode()
    return _send(addresses, manifest, f"{folder}/{MANIFEST}")


def train_name(path: Path) -> str:
    """Return what a file that is uploaded alone is called."""
    return f"train.jsonl{'.gz' if path.name.endswith('.gz') else ''}"


def files_of(path: Path) -> dict[str, Path]:
    """Return the files of a dataset by their paths in it: a file alone, or those of a folder. Raises Refused (NoTrainFile) for none."""
    if path.is_file():
        return {path.name: path}
    found = {str(one.relative_to(path)): one for one in sorted(path.rglob("*")) if one.name.endswith(SUFFIXES)}
    if not found:
        raise Refused(failure("NoTrainFile", f"{path} holds no .jsonl or .jsonl.gz file."))
    return found


def _line(name: str, path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        return {"path": name, "sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def _digest(said: object) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _put(addresses: Addresses, path: Path, key: str, moved: Moved) -> Upload:
    if path.stat().st_size > ONE_REQUEST:
        return _put_in_parts(addresses, path, key, moved)
    with path.open("rb") as file:
        return _send(addresses, cast("bytes", _Counted(file, moved)), key)


def _send(addresses: Addresses, body: bytes, key: str) -> Upload:
    bucket = addresses.datasets_bucket
    answer = addresses.s3.put_object(Bucket=bucket, Key=key, Body=body)
    return Upload(bucket=bucket, key=key, version_id=answer["VersionId"])


def _put_in_parts(addresses: Addresses, path: Path, key: str, moved: Moved) -> Upload:
    s3, bucket = addresses.s3, addresses.datasets_bucket
    begun = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    try:
        parts = []
        for number, part in enumerate(_parts(path), start=1):
            sent = s3.upload_part(Bucket=bucket, Key=key, UploadId=begun, PartNumber=number, Body=part)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            moved(len(part))
        made = s3.complete_multipart_upload(
            Bucket=bucket,
            Key=key,
            UploadId=begun,
            MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
        )
    except BaseException:
        s3.abort_multipart_upload(
            Bucket=bucket, Key=key, UploadId=begun
        )  # parts cost money until somebody gives them up
        raise
    return Upload(bucket=bucket, key=key, version_id=made["VersionId"])


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(PART):
            yield part


class _Counted:
    """A file that tells how much of it has been read for the first time: the SDK reads it again for a checksum and after an error."""

    def __init__(self, file: BinaryIO, moved: Moved) -> None:
        self._file = file
        self._moved = moved
        self._told = 0

    def read(self, size: int = -1) -> bytes:
        part = self._file.read(size)
        new = self._file.tell() - self._told
        if new > 0:
            self._told += new
            self._moved(new)
        return part

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
