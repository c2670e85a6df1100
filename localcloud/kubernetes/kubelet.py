"""The node agents: this machine as one Node or several, and every pod bound to one as processes on real folders.

There are no mount namespaces: a container sees the machine's own paths, so manifests must carry paths that exist here.
"""

import os
import signal
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from localcloud.kubernetes.api import Api
from localcloud.kubernetes.containers import Container, Host
from localcloud.kubernetes.errors import StatusError, bad_request
from localcloud.kubernetes.logs import Line
from localcloud.kubernetes.node_loss import forget_node
from localcloud.kubernetes.objects import Object, dig, is_deleted, is_finished_pod, name_of, now, uid_of
from localcloud.kubernetes.pod_run import PodRun
from localcloud.kubernetes.resources import NODES, PODS

_COMPONENT = "kubelet"


def register(api: Api, node: str, instance_type: str, capacity: Mapping[str, str] | None) -> None:
    """Create a Node of this machine: ready, with the capacity given over the defaults."""
    labels = {"node.kubernetes.io/instance-type": instance_type, "kubernetes.io/hostname": node}
    thing = api.create(NODES, "", {"metadata": {"name": node, "labels": labels}, "spec": {}})
    amounts = {"cpu": str(os.cpu_count() or 1), "memory": "8Gi", "pods": "110", **(capacity or {})}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": now()}
    status = {"capacity": amounts, "allocatable": amounts, "conditions": [ready]}
    api.write_status(NODES, thing, status, _COMPONENT)


@dataclass
class Kubelet:
    """Every pod on the local nodes."""

    host: Host
    nodes: Collection[str]
    _runs: dict[str, PodRun] = field(default_factory=dict)
    _leaving: list[PodRun] = field(default_factory=list)

    def reconcile(self) -> float | None:
        """Start pods that were bound, stop pods that were deleted, forget pods that are gone."""
        mine = [pod for pod in self.host.api.store.all_of(PODS) if dig(pod, "spec", "nodeName") in self.nodes]
        for pod in mine:
            self._follow(pod)
        for uid in self._runs.keys() - {uid_of(pod) for pod in mine}:
            self._forget(uid)
        return None

    def _follow(self, pod: Object) -> None:
        run = self._runs.get(uid_of(pod))
        if run is None and not is_finished_pod(pod):
            run = self._runs[uid_of(pod)] = PodRun(self.host, pod)
            run.start()
        if run is not None and is_deleted(pod) and not run.done:
            run.stop(pod["metadata"].get("deletionGracePeriodSeconds", 30) / self.host.speed)

    def _forget(self, uid: str) -> None:
        run = self._runs.pop(uid)
        run.abandon()
        self._leaving = [*(left for left in self._leaving if not left.done), run]
        if run.done:
            run.remove_folder()

    def kill(self, name: str) -> None:
        """Send SIGKILL to the processes of every running pod of this name; LookupError when there is none."""
        found = [run for run in self._runs.values() if name_of(run.pod) == name and not run.done]
        if not found:
            raise LookupError(f"no running pod {name}")
        for run in found:
            run.send(signal.SIGKILL)

    def lose(self, node: str) -> None:
        """Be gone from one moment to the next, with everything that runs on a Node and the Node; LookupError when there is none."""
        with self.host.api.store.lock:
            for run in self._runs.values():
                if dig(run.pod, "spec", "nodeName") == node:
                    run.abandon()
            forget_node(self.host.api, node)

    def logs(self, pod: Object, container: str) -> list[Line]:
        """Give every line a container printed; StatusError 400 before it started or for an unknown name."""
        run = self._runs.get(uid_of(pod))
        names = [part["name"] for part in pod["spec"]["containers"]]
        if not container and len(names) > 1:
            listed = " ".join(names)
            message = f"a container name must be specified for pod {name_of(pod)}, choose one of: [{listed}]"
            raise bad_request(message)
        wanted = container or names[0]
        found = _find(run, wanted) if run else None
        if found is None:
            raise self._no_log(pod, wanted, names)
        return found.log.lines()

    def _no_log(self, pod: Object, container: str, names: list[str]) -> StatusError:
        if container not in names:
            return bad_request(f"container {container} is not valid for pod {name_of(pod)}")
        statuses = dig(pod, "status", "containerStatuses") or []
        reason = next((dig(s, "state", "waiting", "reason") for s in statuses if s["name"] == container), None)
        text = f'container "{container}" in pod "{name_of(pod)}" is waiting to start: {reason or "ContainerCreating"}'
        return bad_request(text)

    def stop(self) -> None:
        """Kill every process and wait for every thread."""
        everyone = [*self._runs.values(), *self._leaving]
        for run in everyone:
            run.abandon()
        for run in everyone:
            run.join()


def _find(run: PodRun, name: str) -> Container | None:
    return next((c for c in [*run.first, *run.main] if c.spec["name"] == name and c.log.path.exists()), None)
