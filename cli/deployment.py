"""What the command does with a deployment: upload, and ask. It holds no rights on the ledger, on task tokens or on clusters."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from dropforge import naming
from dropforge.domain.datasets import execution_name
from dropforge.domain.failures import Failure, failure, read_cause
from dropforge.domain.journeys import Journey
from dropforge.domain.uploads import PREFIX, RunBlock, Upload

from cli import settings


class RefusedError(Exception):
    """The deployment said no; `failure` says what, why, whose move and what to do."""

    def __init__(self, found: Failure) -> None:
        super().__init__(found.why)
        self.failure = found


def drop(path: Path, project: str, dataset: str, run: RunBlock) -> tuple[Upload, str]:
    """Upload a file as a dataset and return the upload and the name of the execution it starts.

    Without a run request the file is complete by itself; with one it goes into a folder of its own, followed by the
    manifest that carries the request.
    """
    suffix = ".gz" if path.name.endswith(".gz") else ""
    if not run:
        return _put(path.read_bytes(), f"{PREFIX}{project}/{dataset}/train.jsonl{suffix}", project, dataset)
    content = path.read_bytes()
    sha = hashlib.sha256(content).hexdigest()
    request = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()
    folder = f"{PREFIX}{project}/{dataset}/{sha[:12]}-{request[:8]}"
    name = f"train.jsonl{suffix}"
    _put(content, f"{folder}/{name}", project, dataset)
    manifest = {"files": [{"path": name, "sha256": sha, "bytes": len(content)}], "run": run}
    return _put(json.dumps(manifest, indent=1).encode(), f"{folder}/manifest.json", project, dataset)


def _put(content: bytes, key: str, project: str, dataset: str) -> tuple[Upload, str]:
    bucket = settings.datasets_bucket()
    answer = settings.s3().put_object(Bucket=bucket, Key=key, Body=content)
    upload = Upload(bucket=bucket, key=key, version_id=answer["VersionId"])
    return upload, execution_name(project, dataset, upload)


def describe(reference: str) -> Journey:
    """Return where a run, an upload or an execution is. Raises RefusedError."""
    name = naming.function(settings.environment(), "describe_run")
    payload = json.dumps({"reference": reference}).encode()
    answer = settings.functions().invoke(FunctionName=name, Payload=payload)
    body = answer["Payload"].read()
    if "FunctionError" in answer:
        raise RefusedError(_failure(body))
    return Journey.model_validate_json(body)


class Log(NamedTuple):
    """The log of one job; `uri` is empty while it runs."""

    step: str
    uri: str
    lines: list[str]


def logs(reference: str, step: str, attempt: int) -> list[Log]:
    """Return the logs of a run's attempt (the newest for 0), oldest job first, all steps for an empty `step`. Raises RefusedError."""
    journey = describe(reference)
    run, progress = journey.run, journey.progress
    if run is None:
        return []
    found = _kept(f"logs/{run.project}/{run.id}/{attempt or run.attempt}/")
    if progress is not None and attempt in (0, run.attempt) and progress.step not in [log.step for log in found]:
        found.append(Log(progress.step, "", list(progress.tail)))
    return [log for log in found if step in ("", log.step)]


def _kept(prefix: str) -> list[Log]:
    bucket, s3 = settings.models_bucket(), settings.s3()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    objects = sorted((o["LastModified"], o["Key"]) for page in pages for o in page.get("Contents", []))
    return [_log(bucket, key) for _, key in objects]


def _log(bucket: str, key: str) -> Log:
    text = settings.s3().get_object(Bucket=bucket, Key=key)["Body"].read().decode(errors="replace")
    return Log(key.rpartition("/")[2].removesuffix(".log"), f"s3://{bucket}/{key}", text.splitlines())


def _failure(body: bytes) -> Failure:
    try:
        parsed = json.loads(body)
    except ValueError:
        return failure("Unexpected", body.decode(errors="replace"))
    return read_cause(str(parsed.get("errorType", "")), json.dumps(parsed))
