"""One container of a pod: pulled, configured, started, restarted, and described as a containerStatus."""

import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.kubernetes import processes
from localcloud.kubernetes.api import Api
from localcloud.kubernetes.environment import ConfigurationError, command, variables
from localcloud.kubernetes.images import Image, ImageMissingError, resolve
from localcloud.kubernetes.logs import Log
from localcloud.kubernetes.objects import Object, dig, name_of, namespace_of, now, uid_of
from localcloud.kubernetes.pod_rules import DEFAULT_TERMINATION_PATH

_BACKOFF_SECONDS = 10.0
_BACKOFF_LIMIT_SECONDS = 300.0


@dataclass(frozen=True)
class Host:
    """What every container of a node shares; `images` is read at every pull, so an image may arrive late."""

    api: Api
    folder: Path
    images: Mapping[str, Image]
    speed: float


@dataclass
class Container:
    """One container; `changed` is called after every new state."""

    host: Host
    pod: Object
    spec: Object
    restart: str
    folder: Path
    changed: Callable[[], None]
    stopping: threading.Event
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: Object = field(default_factory=dict)
    restarts: int = 0
    process: processes.Process | None = None
    log: Log = field(init=False)

    def __post_init__(self) -> None:
        self.log = Log(self.folder / f"{self.spec['name']}.log")

    @property
    def exit_code(self) -> int | None:
        """Give the exit code of a container that is over."""
        code = dig(self.state, "terminated", "exitCode")
        return None if code is None else int(code)

    def run(self) -> None:
        """Bring the container to its end: it returns when nothing will be started any more."""
        image = self._pull()
        while image is not None and self._start(image):
            code = self._finish()
            if self.stopping.is_set() or self.restart == "Never" or (self.restart == "OnFailure" and code == 0):
                return
            self._back_off()

    def _pull(self) -> Image | None:
        reference, tries = str(self.spec["image"]), 0
        while not self.stopping.is_set():
            try:
                return resolve(reference, self.host.images)
            except ImageMissingError as error:
                self._move({"waiting": {"reason": "ErrImagePull", "message": str(error)}})
            tries += 1
            self.stopping.wait(min(0.2, 1 / self.host.speed))
            message = f'Back-off pulling image "{reference}"'
            self._move({"waiting": {"reason": "ImagePullBackOff", "message": message}})
            self.stopping.wait(self._delay(tries))
        return None

    def _delay(self, tries: int) -> float:
        seconds = _BACKOFF_SECONDS * float(2 ** min(tries - 1, 10))
        return min(seconds, _BACKOFF_LIMIT_SECONDS) / self.host.speed

    def _start(self, image: Image) -> bool:
        env = self._configure(image)
        if env is None or self.stopping.is_set():
            return False
        started = now()
        try:
            self._prepare_message()
            self.log.path.touch()
            self.process = processes.start(self._words(env), env, self._working_folder(), self.log)
        except OSError as error:
            self._move({"terminated": self._ended(128, "StartError", started, str(error))})
            return False
        self._move({"running": {"startedAt": started}})
        if self.stopping.is_set():  # the signals to stop were sent before there was a process to hear them
            self.process.send(signal.SIGKILL)
        return True

    def _configure(self, image: Image) -> dict[str, str] | None:
        while not self.stopping.is_set():
            try:
                return variables(self.host.api, self.pod, self.spec, image, self.folder)
            except ConfigurationError as error:
                self._move({"waiting": {"reason": "CreateContainerConfigError", "message": str(error)}})
            self.stopping.wait(_BACKOFF_SECONDS / self.host.speed)
        return None

    def _words(self, env: Mapping[str, str]) -> list[str]:
        words = command(self.spec, env)
        if not words:
            raise FileNotFoundError("no command specified")
        return words

    def _working_folder(self) -> Path:
        return Path(self.spec.get("workingDir") or self.folder)

    def _message_path(self) -> Path | None:
        path = self.spec.get("terminationMessagePath") or DEFAULT_TERMINATION_PATH
        return None if path == DEFAULT_TERMINATION_PATH else Path(path)

    def _prepare_message(self) -> None:
        path = self._message_path()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")

    def _finish(self) -> int:
        if self.process is None:
            raise RuntimeError("a container that was not started cannot finish")
        started = self.state["running"]["startedAt"]
        code = self.process.wait()
        policy = self.spec.get("terminationMessagePolicy") or "File"
        message = processes.termination_message(self._message_path(), policy, self.log.path, code)
        self._move({"terminated": self._ended(code, "Error" if code else "Completed", started, message)})
        return code

    def _ended(self, code: int, reason: str, started: str, message: str) -> Object:
        ended: Object = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now()}
        ended["containerID"] = self._identity()
        return {**ended, "message": message} if message else ended

    def _back_off(self) -> None:
        self.last_state = self.state
        self.restarts += 1
        delay = self._delay(self.restarts)
        name = f"{name_of(self.pod)}_{namespace_of(self.pod)}({uid_of(self.pod)})"
        message = f"back-off {delay:.0f}s restarting failed container={self.spec['name']} pod={name}"
        self._move({"waiting": {"reason": "CrashLoopBackOff", "message": message}})
        if self.stopping.wait(delay):
            self._move(self.last_state)

    def _identity(self) -> str:
        return f"local://{uid_of(self.pod)}/{self.spec['name']}/{self.restarts}"

    def _move(self, state: Object) -> None:
        self.state = state
        self.changed()

    def status(self) -> Object:
        """Describe the container as it is now."""
        running = "running" in self.state
        described = {
            "name": self.spec["name"],
            "image": self.spec["image"],
            "imageID": self.spec["image"] if running or "terminated" in self.state else "",
            "ready": running,
            "started": running,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last_state,
        }
        return {**described, "containerID": self._identity()} if running else described
