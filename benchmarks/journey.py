"""Journeys on the embedded cloud: what one costs Step Functions, a run beside a bare boot, and twenty runs at once against one after another.

Each cloud is a process of its own, which ends before its CPU is counted, so that every function and every job of it is in the sum.
"""

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Figure

SHORT = {"recipe": "cpu-lora", "parameters": {"steps": 1, "base_steps": 5, "checkpoint_every": 1}}
SPEED = 200
TURNS = 1  # a turn of twenty runs takes minutes
PATIENCE = 900
WHOLE = 10_000  # the size that stands for everything; a smaller one makes fewer runs


def run(size: int, rounds: int) -> list[Figure]:
    """Measure with twenty runs, or fewer for a `size` below 10,000."""
    runs = max(2, min(20, size * 20 // WHOLE))
    taken = [(_cloud(0), _cloud(1), _cloud(runs, at_once=True), _cloud(runs)) for _ in range(min(rounds, TURNS))]
    boot, one, at_once, in_turn = (max(column, key=lambda found: found["cpu"]) for column in zip(*taken, strict=True))
    ratios = [(many["cpu"] - bare["cpu"]) / (single["cpu"] - bare["cpu"]) for bare, _, many, single in taken]
    return [
        Figure("a bare boot", boot["seconds"], "s"),
        Figure("a boot and one run", one["seconds"], "s"),
        Figure("transitions of a success path", one["transitions"], "", 40),
        Figure("events of its history", one["events"], "", 250),
        Figure(f"{runs} runs at once", at_once["cpu"] - boot["cpu"], "CPU s"),
        Figure(f"{runs} runs one after another", in_turn["cpu"] - boot["cpu"], "CPU s"),
        Figure("at once / one after another", median(ratios), "x", 1.4 if runs == 20 else None),
        Figure("attempts of theirs that failed", at_once["failed"], "", 0),
    ]


def _cloud(runs: int, *, at_once: bool = False) -> dict[str, float]:
    """Start a cloud, make runs, stop it; return wall and CPU seconds, and what the histories say."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.journey", str(runs), "at-once" if at_once else "in-turn"]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return {**found, "cpu": cpu, "seconds": time.monotonic() - began}


def _live(runs: int, *, at_once: bool) -> dict[str, float]:
    from localcloud.cloud import LocalCloud  # noqa: PLC0415  the parent needs none of it

    with tempfile.TemporaryDirectory() as folder, LocalCloud(Path(folder), speed=SPEED) as cloud:
        executions = [_drop(cloud, number) for number in range(runs if at_once else 0)]
        for number in range(0 if at_once else runs):
            executions.append(_drop(cloud, number))
            _finish(cloud, executions[-1:])
        _finish(cloud, executions)
        histories = [_history(cloud, execution) for execution in executions]
    kinds = [[event["type"] for event in history] for history in histories]
    return {
        "transitions": max((sum(kind.endswith("StateEntered") for kind in one) for one in kinds), default=0),
        "events": max(map(len, kinds), default=0),
        "failed": sum(kind.endswith(("Failed", "TimedOut")) for one in kinds for kind in one),
    }


def _drop(cloud: Any, number: int) -> str:
    """Start a run by hand on an upload of its own, and return the execution."""
    s3, bucket = cloud.client("s3"), cloud.outputs["DatasetsBucket"]
    rows = [{"prompt": f"How deep is lake {number}.{n}?", "completion": f"{n} fathoms."} for n in range(20)]
    dataset = f"lake-{number}"
    folder = f"datasets/demo/{dataset}/drop"
    body = "\n".join(map(json.dumps, rows)).encode()
    s3.put_object(Bucket=bucket, Key=f"{folder}/train.jsonl", Body=body)
    held = {"path": "train.jsonl", "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
    manifest = {"files": [held], "run": SHORT}
    made = s3.put_object(Bucket=bucket, Key=f"{folder}/manifest.json", Body=json.dumps(manifest).encode())
    return _execution(cloud, made["VersionId"], f"{folder}/manifest.json", dataset)


def _execution(cloud: Any, version: str, key: str, dataset: str) -> str:
    from dropforge import naming  # noqa: PLC0415

    upload = naming.upload(cloud.outputs["DatasetsBucket"], key, version)
    name = naming.execution("demo", dataset, upload, 1)
    return str(cloud.outputs["Machine"]).replace(":stateMachine:", ":execution:") + f":{name}"


def _finish(cloud: Any, executions: list[str]) -> None:
    stepfunctions, end = cloud.client("stepfunctions"), time.monotonic() + PATIENCE
    for arn in executions:
        while (status := _status(stepfunctions, arn)) in ("", "RUNNING"):
            if time.monotonic() > end:
                raise TimeoutError(f"{arn} has not ended")
            time.sleep(0.5)
        if status != "SUCCEEDED":
            cause = stepfunctions.describe_execution(executionArn=arn).get("cause", "")
            raise RuntimeError(f"{arn} has {status}: {cause}")


def _status(stepfunctions: Any, arn: str) -> str:
    try:
        return str(stepfunctions.describe_execution(executionArn=arn)["status"])
    except stepfunctions.exceptions.ExecutionDoesNotExist:
        return ""  # its event is on the way


def _history(cloud: Any, arn: str) -> list[dict[str, Any]]:
    pages = cloud.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"]]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_live(int(sys.argv[1]), at_once=sys.argv[2] == "at-once")) + "\n")
