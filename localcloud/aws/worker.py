"""One Lambda execution environment: a process, and the Runtime API that feeds it one invocation at a time.

The handler's output goes to a file instead of a pipe: what was printed before the answer is then certainly readable when the answer arrives.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.aws.callers import new_access_key
from localcloud.aws.runtime_api import Report, RuntimeApi

INIT_SECONDS = 10.0
MAX_RESPONSE_BYTES = 6 * 1024 * 1024
_BOOTSTRAP = Path(__file__).parent / "bootstrap.py"
_HOST_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True)
class Spec:
    """What an execution environment is made of. `timeout` in seconds, `memory` in MB; `layers` are folders in search order."""

    name: str
    arn: str
    version: str
    handler: str
    runtime: str
    memory: int
    timeout: float
    region: str
    log_group: str
    task_root: Path
    layers: tuple[Path, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What an invocation came to. A failed one carries AWS's error document as payload."""

    payload: bytes
    failed: bool
    log: str


class Worker:
    """A warm process for one function; used by one invocation at a time. `shift` is how many seconds its clock is ahead of ours."""

    def __init__(self, spec: Spec, variables: Mapping[str, str], log_file: Path, shift: float = 0.0) -> None:
        self.spec = spec
        self.shift = shift
        self.access_key = new_access_key(spec.name)
        self._log_file = log_file
        self._logged = 0
        self._born = time.monotonic()
        self._server = RuntimeApi(spec.arn)
        self._serving = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._serving.start()
        self._process = self._spawn(variables)
        self._reaping = threading.Thread(target=self._reap, daemon=True)
        self._reaping.start()

    @property
    def alive(self) -> bool:
        """False once the process has ended, for whatever reason."""
        return self._reaping.is_alive()

    def _spawn(self, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", str(_BOOTSTRAP), self.spec.handler]
        environment = _process_environment(self.spec, self._server.server_port) | dict(variables) | self._identity()
        with self._log_file.open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=self.spec.task_root,
                env=environment | dict(self.spec.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _identity(self) -> dict[str, str]:
        """What only this process is told."""
        key = {"AWS_ACCESS_KEY_ID": self.access_key}
        return key | ({"LOCALCLOUD_CLOCK_SHIFT": str(self.shift)} if self.shift else {})

    def _reap(self) -> None:
        code = self._process.wait()
        self._server.reports.put(Report("exit", str(code).encode()))

    def invoke(self, payload: bytes) -> Outcome:
        """Run the handler once; kills the process when it times out or is broken, after which `alive` is False."""
        request = str(uuid.uuid4())
        report, seconds = self._run(request, payload)
        document = _document(report, request, self.spec.timeout)
        if report.kind in ("timeout", "exit", "init"):
            self.kill()
        return Outcome(
            document, report.kind != "response" or document is not report.payload, self._log(request, seconds)
        )

    def _run(self, request: str, payload: bytes) -> tuple[Report, float]:
        self._wait_for_init()
        started = time.monotonic()
        self._server.invocations.put((request, payload, time.time() + self.shift + self.spec.timeout))
        try:
            report = self._server.reports.get(timeout=self.spec.timeout)
        except queue.Empty:
            report = Report("timeout", b"")
        return report, time.monotonic() - started

    def _wait_for_init(self) -> None:
        """Initialisation has its own ten seconds; a slower one eats into the function's timeout, as in AWS."""
        deadline = self._born + INIT_SECONDS
        while not self._server.ready.is_set() and self._server.reports.empty() and time.monotonic() < deadline:
            self._server.ready.wait(0.02)

    def _log(self, request: str, seconds: float) -> str:
        with self._log_file.open("rb") as file:
            file.seek(self._logged)
            printed = file.read()
        self._logged += len(printed)
        lines = [
            f"START RequestId: {request} Version: {self.spec.version}",
            *printed.decode(errors="replace").splitlines(),
        ]
        end = f"REPORT RequestId: {request}\tDuration: {seconds * 1000:.2f} ms\tMemory Size: {self.spec.memory} MB"
        return "\n".join([*lines, f"END RequestId: {request}", end])

    def crash(self) -> None:
        """End the process and everything it started; an invocation under way learns of it as of any other death."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the process and everything it started, then the threads that served it."""
        self.crash()
        self._server.invocations.put(None)
        self._reaping.join()
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()


def _document(report: Report, request: str, timeout: float) -> bytes:
    """The payload to answer with: the handler's own, or the error document AWS would make."""
    if report.kind == "timeout":
        return _error("Sandbox.Timedout", f"RequestId: {request} Error: Task timed out after {timeout:.2f} seconds")
    if report.kind == "exit":
        status = report.payload.decode()
        return _error(
            "Runtime.ExitError", f"RequestId: {request} Error: Runtime exited with error: exit status {status}"
        )
    if len(report.payload) > MAX_RESPONSE_BYTES:
        message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
        return _error("Function.ResponseSizeTooLarge", message)
    return report.payload


def _error(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


def _process_environment(spec: Spec, port: int) -> dict[str, str]:
    """A function's environment before the cloud's and the function's own variables. The host's does not leak in."""
    host = {name: os.environ[name] for name in _HOST_VARIABLES if name in os.environ}
    stream = f"{time.strftime('%Y/%m/%d')}/[{spec.version}]{uuid.uuid4().hex}"
    paths = [str(spec.task_root), *(str(layer / "python") for layer in spec.layers)]
    return host | {
        "_HANDLER": spec.handler,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_REGION": spec.region,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "LAMBDA_TASK_ROOT": str(spec.task_root),
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "TZ": ":UTC",
    }
