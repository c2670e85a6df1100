"""What tests of uploads share: a manifest as a user writes it, the listing that came of it, and the way from drop to dataset."""

import hashlib
import json
from collections.abc import Callable

from dropforge.adapters import aws, listings
from dropforge.domain.datasets import Files, Listing
from dropforge.domain.uploads import RunBlock, Upload

from tests.contracts.repository import Document
from tests.functions.conftest import DATASETS, Call

Put = Callable[[str, bytes], Upload]
KEY = "datasets/zoo/birds/train.jsonl"
FOLDER = "datasets/zoo/birds/up-1/"


def started(upload: Upload, run: RunBlock | None = None) -> Document:
    return {"input": {"upload": upload.model_dump(), "run": run or {}}, "execution": "e-1"}


def line(path: str, content: bytes, **more: str) -> Document:
    return {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), **more}


def manifest(*lines: Document, **more: object) -> bytes:
    return json.dumps({"files": list(lines), **more}).encode()


def drop(put: Put, files: dict[str, bytes], folder: str = FOLDER) -> Upload:
    """Upload files and, last, their manifest."""
    for path, content in files.items():
        put(folder + path, content)
    return put(folder + "manifest.json", manifest(*(line(path, content) for path, content in files.items())))


def listed(document: Document) -> Files:
    """The listing that a Manifest or Dataset points at, its digest compared."""
    return listings.read(Listing.model_validate(document["listing"]))


def check(call: Call, upload: Upload) -> Document:
    """Take an upload from its drop to its dataset, as the machine does."""
    made = call("register_dataset", started(upload))
    for number in range(made["ranges"]):
        assert call("check_range", {"manifest": made, "number": number}) == {"number": number}
    return call("check_dataset", {"manifest": made, "execution": "e-1"})


def report(key: str = "datasets/zoo/birds/report.json") -> Document:
    answer = aws.s3().get_object(Bucket=DATASETS, Key=key)
    parsed: Document = json.loads(answer["Body"].read())
    return parsed
