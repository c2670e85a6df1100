"""`dropforge local`: the embedded cloud, for trying and for tests."""

import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from dropforge import naming
from rich.console import Console

from cli.output import say

if TYPE_CHECKING:
    from localcloud.cloud import LocalCloud

RUNNING = "running"  # the file that says which process is up in a folder
SECONDS_TO_STOP = 60
local = typer.Typer(no_args_is_help=True)
console = Console()

EMULATED = (
    "Emulated here: AWS (moto behind our own front), FSx for Lustre (a folder), EKS and Kueue (a small API of our own). "
    "Real: the template, the state machine, every function, and the training. See docs/local-cloud.md."
)
Folder = Annotated[Path, typer.Option(help="Where its files go.")]
Speed = Annotated[float, typer.Option(min=1, help="Divides waits and schedules, never time-outs.")]


@local.command()
def up(
    folder: Folder = Path(".dropforge/local"),
    speed: Speed = 60,
    port: Annotated[int, typer.Option(help="Port of the endpoint; 0 takes a free one.")] = 4566,
) -> None:
    """Start the embedded cloud and keep it up until Ctrl-C."""
    stop = threading.Event()  # heard from the beginning: a cloud that is half up is taken down in order, too
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    from localcloud.cloud import LocalCloud  # noqa: PLC0415  slow to import

    with _marked(folder):
        console.print(EMULATED, highlight=False)
        kept = _fresh(folder)
        _log_to(kept / "cloud.log")
        with LocalCloud(kept, speed=speed, port=port) as cloud:
            _say_how_to_use(cloud, kept)
            stop.wait()
            console.print("stopping", highlight=False)


def _say_how_to_use(cloud: "LocalCloud", kept: Path) -> None:
    from localcloud.cloud import PROJECT, TEAM  # noqa: PLC0415  slow to import

    console.print("\nIn another terminal:", highlight=False)
    for name, value in variables(cloud.endpoint).items():
        console.print(f"  export {name}={value}", highlight=False, soft_wrap=True)
    config = kept / "kubeconfig"
    config.write_text(cloud.cluster.kubeconfig())
    console.print(f"  export KUBECONFIG={config}", highlight=False, soft_wrap=True)
    console.print(f"  dropforge drop examples/greetings/train.jsonl --project {PROJECT} --wait", highlight=False)
    console.print(f"  kubectl --namespace {naming.namespace(TEAM)} get jobs,workloads --watch", highlight=False)
    console.print("\nCtrl-C stops it, and so does `dropforge local down`.", highlight=False, markup=False)


@local.command()
def down(folder: Folder = Path(".dropforge/local")) -> None:
    """Stop the embedded cloud that `up` has started in the same folder; its files stay."""
    process = _running(folder)
    if process is None:
        say("nothing is up")
        return
    os.kill(process, signal.SIGTERM)
    end = time.monotonic() + SECONDS_TO_STOP
    while _running(folder) == process:
        if time.monotonic() > end:
            say(f"process {process} still runs after {SECONDS_TO_STOP} s; its log is below {folder}")
            raise typer.Exit(1)
        time.sleep(0.1)
    say("stopped")


@contextmanager
def _marked(folder: Path) -> Iterator[None]:
    """Hold the note that says who is up in a folder, for as long as it is; the lock of a process that was killed goes with it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / RUNNING).open("a+") as note:
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"it is up already (process {_running(folder)}); stop it: dropforge local down")
            raise typer.Exit(1) from None
        note.truncate(0)
        note.write(str(os.getpid()))
        note.flush()
        yield


def _running(folder: Path) -> int | None:
    """Return the process that is up in a folder: whoever holds the lock of its note, once it has written it."""
    path = folder / RUNNING
    if not path.exists():
        return None
    with path.open() as note:
        try:
            fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(note.read() or 0) or None
    return None


@local.command()
def demo(folder: Folder = Path(".dropforge/demo"), speed: Speed = 60) -> None:
    """Drop a sample dataset on the embedded cloud and follow it to a registered model."""
    from localcloud.cloud import PROJECT, ROOT, LocalCloud  # noqa: PLC0415

    kept = _fresh(folder)
    console.print(EMULATED, highlight=False)
    _log_to(kept / "cloud.log")
    began = time.monotonic()
    with LocalCloud(kept, speed=speed) as cloud:
        console.print(
            f"\nThe cloud is up after {time.monotonic() - began:.1f} s. Dropping examples/greetings/train.jsonl.\n",
            highlight=False,
        )
        sample = str(ROOT / "examples" / "greetings" / "train.jsonl")
        command = [sys.executable, "-m", "cli", "drop", sample, "--project", PROJECT, "--wait"]
        done = subprocess.run(command, env={**os.environ, **variables(cloud.endpoint)}, check=False)
        model = download(cloud, naming.model_group(PROJECT, "greetings"), kept / "model")
    if model is not None:
        console.print(f"  {'artefacts:':12} {model}", highlight=False, soft_wrap=True)
        console.print(f"  {'report:':12} {model.parent / 'report.html'}", highlight=False, soft_wrap=True)
        trainer = "PYTHONPATH=containers/cpu_trainer .venv/bin/python -m cpu_trainer"
        prompt = "Greet the baker from the harbour in the morning."
        console.print(
            f'  ask it:      {trainer} generate --model {model} --prompt "{prompt}"', highlight=False, soft_wrap=True
        )
    console.print(f"\n{time.monotonic() - began:.1f} s in all.", highlight=False)
    raise typer.Exit(done.returncode if model is not None else 1)


def download(cloud: "LocalCloud", group: str, target: Path) -> Path | None:
    """Copy the registered model and the run's report out of their bucket, which ends with the cloud; return where the model is, None for none."""
    from dropforge.domain.passports import key_of  # noqa: PLC0415  heavy, and only the demo needs it

    from localcloud.cloud import PROJECT  # noqa: PLC0415

    if not cloud.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]:
        return None
    packages = cloud.client("sagemaker").list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    if not packages:
        return None
    described = cloud.client("sagemaker").describe_model_package(ModelPackageName=packages[0]["ModelPackageArn"])
    bucket, _, prefix = described["SourceUri"].removeprefix("s3://").partition("/")
    s3 = cloud.client("s3")
    for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
        path = target / entry["Key"].removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, entry["Key"], str(path))
    said = described["CustomerMetadataProperties"]  # the report is written by an event of its own, perhaps not yet
    report = key_of(PROJECT, said["run"], int(said["attempt"]), "report.html")
    s3.get_waiter("object_exists").wait(Bucket=bucket, Key=report, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    s3.download_file(bucket, report, str(target.parent / "report.html"))
    return target


def variables(endpoint: str) -> dict[str, str]:
    """Return the environment that makes any AWS client talk to the embedded cloud."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "DROPFORGE_ENVIRONMENT": "dev",
    }


def _log_to(path: Path) -> None:
    """Send what the emulated services say to a file: a user's mistake is no news for this terminal."""
    logging.basicConfig(filename=path, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    console.print(f"log: {path}", highlight=False, soft_wrap=True)


def _fresh(folder: Path) -> Path:
    """Return a new folder below `folder`: what an earlier run left is never touched."""
    made = folder.resolve() / time.strftime("%Y%m%d-%H%M%S")
    made.mkdir(parents=True, exist_ok=True)
    return made
