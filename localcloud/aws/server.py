"""`LocalAws`: one HTTP endpoint that behaves like an AWS account, in this process, until it is stopped.

moto's state is global to the process, so there is one LocalAws at a time; starting one forgets everything the last one held.
"""

import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from moto.core.base_backend import BackendDict

from localcloud.aws import (
    door,
    events,
    faults,
    function_urls,
    queues,
    repairs,
    runtime,
    seams,
    sessions,
    staleness,
    stepfunctions,
)
from localcloud.aws.access_entries import AccessEntries, Entry
from localcloud.aws.clock import Clock
from localcloud.aws.delivery import Courier
from localcloud.aws.disturbance import Disturbance, Disturber
from localcloud.aws.eks import FakeEks
from localcloud.aws.errors import AwsError
from localcloud.aws.faults import Fault, Request
from localcloud.aws.front import Front
from localcloud.aws.fsx import FakeFsx
from localcloud.aws.fsx_tasks import Spoiling
from localcloud.aws.lineage import FakeLineage
from localcloud.aws.permissions import Permissions
from localcloud.aws.registry import ModelRegistry
from localcloud.aws.staleness import StaleReads

ACCOUNT = "123456789012"
REGION = "us-east-1"
When = Literal["before", "after"]

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
        self._faults = faults.Faults()
        self._stale = StaleReads()
        self._disturber = Disturber()
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
        stack.enter_context(door.moto_settings())
        self._runtime = runtime.Runtime(
            self.folder / "lambda", lambda: runtime.cloud_variables(self.endpoint, self._denied)
        )
        self._permissions = Permissions(self.client, REGION, ACCOUNT)
        front = door.new_front(self._faults, self._stale, self._runtime.crash, self._permissions)
        urls = function_urls.FunctionUrls(front, self.client, ACCOUNT, REGION)
        self.endpoint = door.serve(stack, urls, self._port)
        self._courier = Courier(self.client, self.clock, self._disturber)
        stack.callback(self._courier.close)
        self._install(replacements, stack)
        self._add_fakes(front)

    def _install(self, replacements: seams.Replacements, stack: ExitStack) -> None:
        repairs.install(replacements, self.clock, self.client, self._courier, self.announce)
        runtime.install(self._runtime, replacements)
        function_urls.install(replacements, lambda: self.endpoint)
        staleness.install(replacements, self._stale)
        poller = queues.Poller(self.client, self._courier, self.clock)
        self._ticker = events.Ticker(self._courier, self.clock)
        poller.start()
        self._ticker.start()
        for step in (stepfunctions.join_threads, poller.join, self._ticker.join, self._runtime.close):
            stack.callback(step)
        stack.callback(stepfunctions.stop_all)
        stack.callback(self.clock.close)

    def _add_fakes(self, front: Front) -> None:
        self._fsx = FakeFsx(self.folder / "fsx", self.clock, self.client, self._courier)
        self._eks = FakeEks(self.clock)
        self._access = AccessEntries(self._eks.entries_of)
        registry = ModelRegistry(self.client, self.announce, self._stale)
        for fake in (self._fsx, self._eks, self._access, registry, FakeLineage(self.client)):
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
                self._clients[name] = sessions.new_client(name, REGION, self.endpoint)
            return self._clients[name]

    def access_entry(self, cluster: str, role_arn: str) -> Entry | None:
        """The access entry of a role on an EKS cluster, or None: whom the cluster takes it for."""
        return self._access.find(cluster, role_arn)

    def time(self) -> datetime:
        """The time that functions see: the real one, and what it was made to jump."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead())

    def ahead(self) -> float:
        """By how many seconds that time is ahead of the real one; clusters follow it."""
        return self._runtime.shift

    def fault(self, service: str, operation: str, error: str, times: int = 1, status: int = 400) -> None:
        """Let the next `times` calls of `operation` (as botocore spells both names) answer with the error code `error`."""
        fault = Fault(AwsError(error, f"{error} was switched on", status))
        self._faults.add(faults.next_of(service, operation, times), fault)

    def record(self) -> None:
        """Begin a new log of requests."""
        self._faults.record()

    def requests(self) -> tuple[Request, ...]:
        """Every request since `record()`, in the order in which they came in; empty when it was never called."""
        return self._faults.requests()

    def refused(self) -> tuple[str, ...]:
        """What functions have asked for and their roles do not allow, as "<function>: <action> on <resource>"."""
        return tuple(self._permissions.refused)

    def fail_request(  # noqa: PLR0913 - each is one thing a test decides
        self,
        function: str,
        service: str,
        operation: str,
        occurrence: int = 1,
        *,
        when: When = "before",
        error: str = "InternalFailure",
        status: int = 500,
        times: int = 1,
    ) -> None:
        """Answer one request of a function with an error, `occurrence` counted from now; after its effect when `when` says so.

        `times` requests in a row fail: with 1 the SDK's own retry hides a server error, with its number of attempts it does not.
        """
        first = Request(function, service, operation, occurrence)
        fault = Fault(AwsError(error, f"{error} was switched on", status), after=when == "after")
        self._faults.add(faults.occurrences(first, times), fault)

    def kill_function(
        self, function: str, service: str, operation: str, occurrence: int = 1, when: When = "before"
    ) -> None:
        """Kill the process of a function when it makes a request, before or after its effect; Lambda reports Runtime.ExitError."""
        first = Request(function, service, operation, occurrence)
        fault = Fault(AwsError("InternalFailure", "nobody reads this", 500), after=when == "after", kills=True)
        self._faults.add(faults.occurrences(first, 1), fault)

    def throttle(self, service: str, share: float, seed: int = 0) -> None:
        """Refuse that share of what functions ask of a service from now on, always the same for the same seed; 0 ends it."""
        self._faults.remove(service)
        if share:
            self._faults.add(faults.share_of(service, share, seed), Fault(faults.throttling_error(service)), service)

    def disturb_events(
        self,
        pattern: Callable[[dict[str, Any]], bool] | None = None,
        *,
        drop: float = 0.0,
        duplicate: float = 0.0,
        delay: tuple[float, float] = (0.0, 0.0),
        reorder: bool = False,
        seed: int = 0,
    ) -> None:
        """Drop, duplicate, delay or reorder what rules of EventBridge deliver from now on; see `Disturbance` for each."""
        self._disturber.disturb(Disturbance(pattern, drop, duplicate, delay, reorder, seed))

    def calm_events(self) -> None:
        """Deliver every event once and at once. What was delayed before still arrives late."""
        self._disturber.disturb(None)

    def pending_deliveries(self, besides: Collection[str] = ()) -> int:
        """How much is on its way: events, asynchronous invocations with their retries, messages for functions. 0 means all quiet.

        `besides` are names of functions that do not count: those that schedules call are never quiet for long.
        """
        while True:
            accepted = self._courier.accepted
            pending = self._courier.pending(besides) + queues.waiting()
            if accepted == self._courier.accepted:  # otherwise something moved between the two counts
                return pending

    def stale_reads(self, seconds: float) -> None:
        """Hide writes for that many real seconds from reads that are eventually consistent in AWS; 0 ends it."""
        self._stale.hide_for(seconds)

    def jump(self, seconds: float) -> None:
        """Move the clock of functions, schedules and clusters, also back. A running handler keeps its time; the next one has the new."""
        self.clock.jump(seconds)
        self._runtime.jump(seconds)
        if seconds < 0:
            self._ticker.forget()

    def reset_faults(self) -> None:
        """Switch off every fault, and put the clock back. The log of requests goes on, and denied folders stay denied."""
        self._faults.clear()
        self._stale.hide_for(0)
        self._fsx.spare_tasks()
        self.calm_events()
        if self._runtime.shift:
            self.jump(-self._runtime.shift)

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

    def spoil_files(self, part: str, how: Spoiling) -> None:
        """Files with `part` in their path fail in the tasks of file systems, or arrive in S3 with a bit flipped."""
        self._fsx.spoil_files(part, how)

    def register_cluster(self, name: str, endpoint: str, ca_pem: str) -> None:
        """Make an EKS cluster of that name known: its API server's URL and the certificate (PEM) that signed it."""
        self._eks.register_cluster(name, endpoint, ca_pem)
