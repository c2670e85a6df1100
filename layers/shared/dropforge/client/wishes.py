"""What somebody means by the DATASET of a plan: local files, the S3 URI of an upload, or a dataset's name, with or without a version."""

import re
from pathlib import Path

from dropforge.client import drafts
from dropforge.client.addresses import Addresses
from dropforge.client.refusals import Refused
from dropforge.domain.failures import failure
from dropforge.domain.uploads import MANIFEST, locate
from dropforge.errors import InvalidInput

URI = re.compile(r"^s3://(?P<bucket>[^/]+)/(?P<key>datasets/.+)$")
NAME = re.compile(r"^(?P<project>[a-z][a-z0-9-]*)/(?P<dataset>[a-z][a-z0-9-]*)(?:/(?P<version>[0-9a-f]{12}))?$")
Wish = dict[str, object]


def is_local(text: str) -> bool:
    """Whether files of this machine are meant: they must be there."""
    return not URI.match(text) and Path(text).exists()


def of_files(path: Path, place: tuple[str, str], range_bytes: int) -> Wish:
    """Return what is asked about local files; `place` is (project, dataset). Raises Refused."""
    draft = drafts.draft(path, range_bytes)
    return {"project": place[0], "dataset": place[1], "draft": draft.model_dump(mode="json")}


def of_upload(text: str, addresses: Addresses) -> Wish:
    """Return what is asked about an upload, by its URI or its dataset's name. Raises Refused (UploadUnknown, WrongKeyLayout)."""
    uri, name = URI.match(text), NAME.match(text)
    if uri is not None and uri["bucket"] != addresses.datasets_bucket:
        why = f"`{text}` lies in another bucket than this deployment's, {addresses.datasets_bucket}."
        raise Refused(failure("UploadUnknown", why))
    if uri is not None:
        return _of_key(uri["key"])
    if name is None:
        why = f"`{text}` is no file here, no S3 URI below datasets/, and no project/dataset."
        raise Refused(failure("UploadUnknown", why))
    return {"project": name["project"], "dataset": name["dataset"], "version": name["version"] or ""}


def _of_key(key: str) -> Wish:
    parts = key.rstrip("/").split("/")
    if len(parts) == 3:
        return {"project": parts[1], "dataset": parts[2]}
    key = f"{key}{MANIFEST}" if key.endswith("/") else key
    try:
        found = locate(key)
    except InvalidInput as problem:
        raise Refused(problem.failure) from problem
    if found is None:
        raise Refused(failure("WrongKeyLayout", f"`{key}` completes no upload: name its {MANIFEST} or train.jsonl."))
    return {"project": found.project, "dataset": found.dataset, "key": key}
