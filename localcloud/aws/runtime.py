"""Run Lambda functions without containers: AWS's runtime client in warm processes, in place of the one moto method that starts Docker.

Dependencies come from the host's interpreter; code and layers come from the zip files that were deployed.
"""

import io
import json
import os
import shutil
import threading
import uuid
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from moto.awslambda import models

from localcloud.aws import embedded_metrics
from localcloud.aws.seams import Replacements
from localcloud.aws.worker import Outcome, Spec, Worker

AT_ONCE = os.cpu_count() or 2  # processes of one function that start without waiting for one of them to become free
PATIENCE = 10.0  # seconds that an invocation waits for one of them: on one machine, another would only slow them down
_FUNCTION = "moto.awslambda.models:LambdaFunction"


class Runtime:
    """All execution environments of the cloud: the idle ones wait for the next invocation of the same function version."""

    def __init__(self, folder: Path, variables: Callable[[], Mapping[str, str]]) -> None:
        self._folder = folder
        self._variables = variables
        self._lock = threading.Condition()
        self._idle: dict[Spec, list[Worker]] = defaultdict(list)
        self._all: set[Worker] = set()
        self._closed = False
        self._shift = 0.0

    def invoke(self, spec: Spec, payload: bytes) -> Outcome:
        """Run a function once, in a process that nobody else is using."""
        worker = self._take(spec)
        outcome = worker.invoke(payload)
        self._give_back(worker)
        return outcome

    def _take(self, spec: Spec) -> Worker:
        with self._lock:
            self._lock.wait_for(lambda: self._closed or self._idle[spec] or self._count(spec) < AT_ONCE, PATIENCE)
            if self._closed:
                raise RuntimeError("the local cloud is stopping")
            while self._idle[spec]:
                worker = self._idle[spec].pop()
                if worker.alive:
                    return worker
                self._all.discard(worker)
                worker.kill()
            log_file = self._folder / f"{spec.name}-{uuid.uuid4().hex[:8]}.log"
            worker = Worker(spec, self._variables(), log_file, self._shift)
            self._all.add(worker)
            return worker

    def _count(self, spec: Spec) -> int:
        return sum(worker.spec is spec or worker.spec == spec for worker in self._all)

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            self._lock.notify_all()
            if worker.alive and not self._closed and worker.shift == self._shift:
                self._idle[worker.spec].append(worker)
                return
            self._all.discard(worker)
            outdated = worker.alive and not self._closed
        if outdated:
            worker.kill()

    def jump(self, seconds: float) -> None:
        """Move the clock of every process that starts from now on. Idle ones are replaced, busy ones when they have finished."""
        with self._lock:
            self._shift += seconds
            idle = [worker for workers in self._idle.values() for worker in workers]
            self._idle.clear()
            self._all.difference_update(idle)
        _kill(idle)

    @property
    def shift(self) -> float:
        """How many seconds the clock of functions is ahead of ours."""
        return self._shift

    def crash(self, access_key: str) -> None:
        """Kill the process that signs with this key, in the middle of what it does; nothing for a key of nobody here."""
        with self._lock:
            found = [worker for worker in self._all if worker.access_key == access_key]
        for worker in found:
            worker.crash()

    def unpack(self, digest: str, archive: bytes) -> Path:
        """The folder with the content of a zip file, which is unpacked once per digest."""
        target = self._folder / digest.replace("/", "_").replace("=", "")
        with self._lock:
            if not target.exists():
                partial = target.with_suffix(".partial")
                zipfile.ZipFile(io.BytesIO(archive)).extractall(partial)
                partial.rename(target)
        return target

    def close(self) -> None:
        """Kill every process and wait until they are gone."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()
            workers = list(self._all)
        _kill(workers)
        shutil.rmtree(self._folder, ignore_errors=True)


def _kill(workers: list[Worker]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(Worker.kill, workers))


def install(runtime: Runtime, replacements: Replacements) -> None:
    """Make moto run functions with `runtime`, and keep the settings that moto drops."""

    def invoke_lambda(function: Any, event: Any = None) -> tuple[str, bool, str]:
        payload = b"{}" if event in (None, "{}") else json.dumps(event).encode()
        outcome = runtime.invoke(_spec(runtime, function), payload)
        function.logs_backend.ensure_log_group(function.logs_group_name)
        function.save_logs(outcome.log)
        embedded_metrics.extract(outcome.log, function.account_id, function.region)
        return outcome.payload.decode(), outcome.failed, outcome.log

    replacements.replace(f"{_FUNCTION}._invoke_lambda", invoke_lambda)
    _keep_dropped_settings(replacements)


def _keep_dropped_settings(replacements: Replacements) -> None:
    """LoggingConfig and DeadLetterConfig are ignored by moto, although both change what a user sees."""
    construct = models.LambdaFunction.__init__
    describe = models.LambdaFunction.get_configuration

    def construct_with_settings(
        function: Any, account_id: str, spec: dict[str, Any], *rest: Any, **options: Any
    ) -> None:
        construct(function, account_id, spec, *rest, **options)
        function.kept = {name: spec[name] for name in ("LoggingConfig", "DeadLetterConfig") if spec.get(name)}
        function.logs_group_name = function.kept.get("LoggingConfig", {}).get("LogGroup") or function.logs_group_name

    def describe_with_settings(function: Any, *rest: Any, **options: Any) -> dict[str, Any]:
        return {**describe(function, *rest, **options), **function.kept}

    replacements.replace(f"{_FUNCTION}.__init__", construct_with_settings)
    replacements.replace(f"{_FUNCTION}.get_configuration", describe_with_settings)


def _spec(runtime: Runtime, function: Any) -> Spec:
    return Spec(
        name=function.function_name,
        arn=function.function_arn,
        version=str(function.version),
        handler=function.handler,
        runtime=function.run_time,
        memory=int(function.memory_size),
        timeout=float(function.timeout),
        region=function.region,
        log_group=function.logs_group_name,
        task_root=runtime.unpack(function.code_sha_256, function.code_bytes),
        layers=tuple(_layer_folder(runtime, function, layer["Arn"]) for layer in function.layers or []),
        environment=_variables(function),
    )


def _layer_folder(runtime: Runtime, function: Any, arn: str) -> Path:
    layer = models.lambda_backends[function.account_id][function.region].layers_versions_by_arn(arn)
    return runtime.unpack(layer.code_sha_256, layer.code_bytes)


def _variables(function: Any) -> tuple[tuple[str, str], ...]:
    logging = function.kept.get("LoggingConfig", {})
    chosen = {
        "AWS_LAMBDA_LOG_FORMAT": logging.get("LogFormat"),
        "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel"),
    }
    declared = {name: str(value) for name, value in (function.environment_vars or {}).items()}
    return tuple(sorted(({name: value for name, value in chosen.items() if value} | declared).items()))


def cloud_variables(endpoint: str, denied: list[Path]) -> dict[str, str]:
    """What every function is told about the cloud it runs in; `denied` are the folders it may not touch."""
    credentials = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "local")
    blocked = os.pathsep.join(str(folder) for folder in denied)
    return credentials | {"AWS_ENDPOINT_URL": endpoint} | ({"LOCALCLOUD_DENIED_PATHS": blocked} if blocked else {})
