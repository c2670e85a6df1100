"""`LocalAws`: one HTTP endpoint that behaves like an AWS account, in this process, until it is stopped.

moto's state is global to the process, so there is one LocalAws at a time; starting one forgets everything the last one held.
"""

import logging
import os
import threading
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from botocore.config import Config
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from localcloud.aws import (
    cloudformation,
    events,
    function_urls,
    interpreter,
    map_runs,
    policies,
    queues,
    runtime,
    sdk_tasks,
    seams,
    sessions,
    stepfunctions,
    storage_events,
    transactions,
    triggers,
)
from localcloud.aws.clock import Clock
from localcloud.aws.delivery import Courier
from localcloud.aws.eks import FakeEks
from localcloud.aws.errors import AwsError
from localcloud.aws.faults import Faults
from localcloud.aws.front import Front
from localcloud.aws.fsx import FakeFsx
from localcloud.aws.registry import ModelRegistry

ACCOUNT = "123456789012"
REGION = "us-east-1"
_SETTINGS = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "false"}

_ONE_AT_A_TIME = threading.Lock()


class LocalAws(AbstractContextManager["LocalAws"]):
    """An AWS account for one process.

    `folder` holds what has to be on disk (unpacked functions, FSx file systems); `speed` is how many seconds of waiting pass in one
    real second; `port` 0 picks a free one. State is in memory and ends with `stop()`, as do all threads and processes.
    """

    region = REGION
    account = ACCOUNT

    def __init__(self, folder: Path, speed: float = 1.0, port: int = 0) -> None:
        self.folder = folder.resolve()
        self.clock = Clock(speed)
        self.endpoint = ""
        self._port = port
        self._faults = Faults()
        self._denied: list[Path] = []
        self._clients: dict[str, Any] = {}
        self._clients_lock = threading.Lock()
        self._running = ExitStack()

    def __enter__(self) -> "LocalAws":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Open the endpoint, with an empty account behind it. Raises SeamsMissing when moto is not the version we know."""
        seams.check()
        if not _ONE_AT_A_TIME.acquire(blocking=False):
            raise RuntimeError("another LocalAws is running in this process, and moto's state is shared: stop it first")
        with ExitStack() as stack:
            stack.callback(_ONE_AT_A_TIME.release)
            BackendDict.reset()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._start(stack)
            self._running = stack.pop_all()

    def _start(self, stack: ExitStack) -> None:
        replacements = seams.Replacements()
        stack.callback(replacements.restore)
        stack.enter_context(_moto_settings())
        front = self._serve(stack)
        self._courier = Courier(self.client, self.clock)
        self._install(replacements, stack)
        self._add_fakes(front)

    def _serve(self, stack: ExitStack) -> Front:
        front = Front(DomainDispatcherApplication(create_backend_app), self._faults)
        door = function_urls.FunctionUrls(front, self.client, ACCOUNT, REGION)
        server = make_server("127.0.0.1", self._port, door, threaded=True, request_handler=_QuietHandler)
        server.daemon_threads = False  # so that server_close() waits for requests under way
        thread = threading.Thread(
            target=partial(server.serve_forever, poll_interval=0.1), name="localcloud-front", daemon=True
        )
        thread.start()
        for step in (thread.join, server.server_close, server.shutdown):  # run in reverse order
            stack.callback(step)
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        return front

    def _install(self, replacements: seams.Replacements, stack: ExitStack) -> None:
        lambdas = runtime.Runtime(self.folder / "lambda", lambda: runtime.cloud_variables(self.endpoint, self._denied))
        poller, self._ticker = (
            queues.Poller(self.client, self._courier, self.clock),
            events.Ticker(self._courier, self.clock),
        )
        runtime.install(lambdas, replacements)
        function_urls.install(replacements, lambda: self.endpoint)
        interpreter.install(replacements, self.clock, self.client)
        map_runs.install(replacements)
        sdk_tasks.install(replacements)
        transactions.install(replacements)
        stepfunctions.install(replacements, self.announce)
        events.install(replacements, self._courier)
        storage_events.install(replacements)
        triggers.install(replacements, self._courier, self.clock)
        queues.install(replacements)
        policies.install(replacements)
        cloudformation.install(replacements, self.client)
        poller.start()
        self._ticker.start()
        for step in (self._courier.close, stepfunctions.join_threads, poller.join, self._ticker.join, lambdas.close):
            stack.callback(step)
        stack.callback(stepfunctions.stop_all)
        stack.callback(self.clock.close)

    def _add_fakes(self, front: Front) -> None:
        self._fsx = FakeFsx(self.folder / "fsx", self.clock, self.client, self._courier)
        self._eks = FakeEks(self.clock)
        for fake in (self._fsx, self._eks, ModelRegistry(self.client, self.announce)):
            front.register(fake)

    def stop(self) -> None:
        """Close the endpoint and end every thread and process. Stopping twice is harmless."""
        self._running.close()
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def client(self, name: str) -> Any:
        """A boto3 client of this account, whatever the host's configuration says; one per service, shared by threads."""
        with self._clients_lock:
            if name not in self._clients:
                self._clients[name] = self._new_client(name)
            return self._clients[name]

    def _new_client(self, name: str) -> Any:
        settings = Config(
            inject_host_prefix=False,
            max_pool_connections=64,
            read_timeout=900,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        )
        return sessions.isolated(REGION).client(name, endpoint_url=self.endpoint, config=settings)  # type: ignore[call-overload]

    def fault(self, service: str, operation: str, error: str, times: int = 1, status: int = 400) -> None:
        """Let the next `times` calls of `operation` (as botocore spells both names) answer with the error code `error`."""
        self._faults.add(service, operation, AwsError(error, f"{error} was switched on", status), times)

    def deny(self, path: Path) -> None:
        """Make a folder unreachable for functions whose processes start from now on."""
        self._denied.append(path.resolve())

    def tick(self, name: str) -> None:
        """Fire a scheduled rule or a schedule now, by its physical name; KeyError when there is none."""
        self._ticker.fire(name)

    def announce(self, source: str, kind: str, detail: dict[str, Any], resources: list[str]) -> None:
        """Put an event of an AWS service on the default bus."""
        events.announce(events.new_event(source, kind, detail, resources, ACCOUNT, REGION))

    def fsx_folder(self, file_system_id: str) -> Path:
        """Where the files of an FSx file system are; KeyError when it does not exist."""
        return self._fsx.folder(file_system_id)

    def fail_fsx_task(self, message: str, times: int = 1) -> None:
        """Let the next `times` data repository tasks end FAILED with `message`, without moving any file."""
        self._fsx.fail_tasks(message, times)

    def hang_fsx_task(self, times: int = 1) -> None:
        """Let the next `times` data repository tasks stay EXECUTING until they are cancelled."""
        self._fsx.hang_tasks(times)

    def register_cluster(self, name: str, endpoint: str, ca_pem: str) -> None:
        """Make an EKS cluster of that name known: its API server's URL and the certificate (PEM) that signed it."""
        self._eks.register_cluster(name, endpoint, ca_pem)


class _QuietHandler(MotoRequestHandler):  # type: ignore[misc] # moto has no types
    def log(self, *_: object) -> None:
        """Say nothing: requests are not news."""


class _moto_settings(AbstractContextManager[None]):  # noqa: N801 - used like a function
    """moto's process-wide switches, put back afterwards."""

    def __enter__(self) -> None:
        self._environment = {name: os.environ.get(name) for name in _SETTINGS}
        os.environ.update(_SETTINGS)
        self._user_config = dict(default_user_config)
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        self._level = logging.getLogger("moto").level
        logging.getLogger("moto").setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        for name, value in self._environment.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        default_user_config.clear()
        default_user_config.update(self._user_config)
        logging.getLogger("moto").setLevel(self._level)
