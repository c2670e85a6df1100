"""The life of one pod on this machine: mounts checked, init containers in turn, then all containers at once."""

import shutil
import signal
import threading
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.kubernetes import clock, events
from localcloud.kubernetes.api import place_of
from localcloud.kubernetes.containers import Container, Host
from localcloud.kubernetes.deletion import Deletion, delete
from localcloud.kubernetes.objects import Object, dig, is_deleted, name_of, namespace_of, now, set_condition, uid_of
from localcloud.kubernetes.resources import PODS

_COMPONENT = "kubelet"
_MOUNTABLE = ("persistentVolumeClaim", "emptyDir", "hostPath")
_MOUNT_RETRY_SECONDS = 10.0


@dataclass
class PodRun:
    """One pod; everything it does happens in its own threads."""

    host: Host
    pod: Object
    stopping: threading.Event = field(default_factory=threading.Event)
    done: bool = False
    _abandoned: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.started_at = now()
        self.folder = self.host.folder / f"{namespace_of(self.pod)}_{name_of(self.pod)}_{uid_of(self.pod)}"
        spec = self.pod["spec"]
        once = "Never" if spec["restartPolicy"] == "Never" else "OnFailure"
        self.first = [self._container(part, once) for part in spec.get("initContainers") or []]
        self.main = [self._container(part, spec["restartPolicy"]) for part in spec["containers"]]
        self._thread = clock.thread(self._run, f"pod-{name_of(self.pod)}")

    def _container(self, spec: Object, restart: str) -> Container:
        return Container(self.host, self.pod, spec, restart, self.folder, self._publish, self.stopping)

    def start(self) -> None:
        """Begin the pod's life."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def _run(self) -> None:
        self._publish()
        if self._mount() and self._run_first():
            threads = [clock.thread(c.run, c.spec["name"]) for c in self.main]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        with self.host.api.store.lock:
            self.done = True
            self._publish()
            self._bury()

    def _mount(self) -> bool:
        while not self.stopping.is_set():
            problem = self._mount_problem()
            if not problem:
                return True
            with self.host.api.store.lock:
                if self._present() is not None:
                    events.record(self.host.api, self.pod, "FailedMount", problem, _COMPONENT, "Warning")
            self.stopping.wait(_MOUNT_RETRY_SECONDS / self.host.speed)
        return False

    def _mount_problem(self) -> str:
        volumes = self.pod["spec"].get("volumes") or []
        for volume in volumes:
            kinds = [key for key in volume if key != "name"]
            if any(kind not in _MOUNTABLE for kind in kinds):
                return f'volume "{volume["name"]}": the local cluster does not support {", ".join(kinds)}'
        mounts = [m for c in self.pod["spec"]["containers"] for m in c.get("volumeMounts") or []]
        missing = [m["mountPath"] for m in mounts if not self._is_there(Path(m["mountPath"]))]
        return f"MountVolume.SetUp failed: no such folder on this machine: {', '.join(missing)}" if missing else ""

    def _is_there(self, path: Path) -> bool:
        """Make a folder inside the cluster's own folder; elsewhere it must exist, for the host is not ours to change."""
        if path.is_relative_to(self.host.folder.parent):
            path.mkdir(parents=True, exist_ok=True)
        return path.is_dir()

    def _run_first(self) -> bool:
        for container in self.first:
            container.run()
            if container.exit_code != 0:
                return False
        return True

    def stop(self, grace: float) -> None:
        """Ask every process to end, and kill what is left after `grace` seconds of real time."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self.send(signal.SIGTERM)
        timer = threading.Timer(grace, self.send, [signal.SIGKILL])
        timer.daemon = True
        timer.start()

    def send(self, number: signal.Signals) -> None:
        """Signal every process of the pod."""
        for container in [*self.first, *self.main]:
            if container.process is not None:
                container.process.send(number)

    def abandon(self) -> None:
        """Kill the pod without telling anyone: it is gone from the API, or the cluster stops."""
        self._abandoned = True
        self.stopping.set()
        self.send(signal.SIGKILL)

    def join(self) -> None:
        """Wait until every thread and process of the pod is over."""
        if self._thread.ident is not None:
            self._thread.join()

    def _present(self) -> Object | None:
        found = self.host.api.store.get(PODS, namespace_of(self.pod), name_of(self.pod))
        return found if found is not None and uid_of(found) == uid_of(self.pod) else None

    def _publish(self) -> None:
        with self.host.api.store.lock, self._lock:
            found = self._present()
            if found is not None and not self._abandoned:
                self.host.api.write_status(PODS, found, self._status(found), _COMPONENT)

    def _bury(self) -> None:
        found = self._present()
        if found is None:
            self.remove_folder()
        elif is_deleted(found) and not self._abandoned:
            delete(self.host.api, place_of(PODS, found), Deletion(grace=0))

    def remove_folder(self) -> None:
        """Drop logs and scratch files, once the pod is gone from the API."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _phase(self) -> str:
        codes = [container.exit_code for container in self.main]
        if self.done:
            return "Succeeded" if all(code == 0 for code in codes) else "Failed"
        begun = any("waiting" not in c.state or c.last_state for c in self.main)
        return "Running" if begun else "Pending"

    def _status(self, found: Object) -> Object:
        statuses = [container.status() for container in self.main]
        ready = all(status["ready"] for status in statuses)
        conditions = list(dig(found, "status", "conditions") or [])
        for kind, is_so in (("Initialized", self._is_initialized()), ("Ready", ready), ("ContainersReady", ready)):
            set_condition(conditions, {"type": kind, **self._verdict(is_so)})
        status = {
            **(found.get("status") or {}),
            "phase": self._phase(),
            "conditions": conditions,
            "containerStatuses": statuses,
            "startTime": self.started_at,
            "hostIP": "127.0.0.1",
            "podIP": "127.0.0.1",
        }
        return {**status, "initContainerStatuses": [c.status() for c in self.first]} if self.first else status

    def _is_initialized(self) -> bool:
        return all(container.exit_code == 0 for container in self.first)

    def _verdict(self, is_so: bool) -> Object:
        if is_so:
            return {"status": "True"}
        return {"status": "False", "reason": "PodCompleted" if self._phase() == "Succeeded" else "ContainersNotReady"}
