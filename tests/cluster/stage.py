"""Where a recorded life cycle is played again: requests, the kubelet's part, and the wait until nothing changes any more."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.cluster.probe import Json, Probe, eventually
from tests.cluster.transcript import Transcript

NOWHERE = {"dropforge.dev/nowhere": "true"}  # no node has it: no kubelet but the player touches the pods
_STATES = {
    "Running": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    "Succeeded": {"terminated": {"exitCode": 0, "reason": "Completed"}},
    "Failed": {"terminated": {"exitCode": 3, "reason": "Error"}},
}


@dataclass(frozen=True)
class Stage:
    """One namespace of a cluster, and what is written down about it."""

    probe: Probe
    account: Transcript
    settle_seconds: float

    def job(self, name: str) -> Json:
        return dict(self.probe.get(f"{self.probe.jobs}/{name}").body)

    def create_job(self, name: str, spec: Json, labels: Json | None = None) -> Json:
        metadata = {"name": name, "labels": labels or {}}
        made = self.probe.post(
            self.probe.jobs, {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
        )
        assert made.code == 201, made.body
        return dict(made.body)

    def change_job(self, name: str, **spec: Any) -> None:
        assert self.probe.patch(f"{self.probe.jobs}/{name}", {"spec": spec}).code == 200

    def delete_job(self, name: str) -> Json:
        return dict(self.probe.call("DELETE", f"{self.probe.jobs}/{name}?propagationPolicy=Background").body)

    def pods(self, job: str) -> list[Json]:
        listed = self.probe.get(f"{self.probe.pods}?labelSelector=batch.kubernetes.io/job-name%3D{job}")
        return sorted(listed.body["items"], key=lambda pod: str(pod["metadata"]["name"]))

    def pods_are(self, job: str, phase: str) -> None:
        """Play the kubelet: every pod of a Job is in this phase now."""
        ready = phase == "Running"
        container = {
            "name": "c", "image": "i", "imageID": "", "ready": ready, "started": ready, "restartCount": 0,
            "state": _STATES[phase],
        }  # fmt: skip
        conditions = [{"type": "Ready", "status": str(ready)}]
        status = {"phase": phase, "conditions": conditions, "containerStatuses": [container]}
        for pod in self.pods(job):
            path = f"{self.probe.pods}/{pod['metadata']['name']}/status"
            assert self.probe.patch(path, {"status": status}).code == 200

    def until(self, look: Callable[[], Any]) -> None:
        """Wait until `look` is true, and then until it gives the same twice in a row."""
        before = eventually(look)
        while True:
            time.sleep(self.settle_seconds)
            now = eventually(look)
            if now == before:
                return
            before = now

    def job_has(self, name: str, kind: str, status: str = "True", **fields: Any) -> None:
        """Wait for a condition of a Job and for fields of its status; None is a field that is not there."""

        def look() -> Json | None:
            found = self.job(name).get("status") or {}
            held = {c["type"]: c["status"] for c in found.get("conditions") or []}
            there = not kind or held.get(kind) == status
            return found if there and all(found.get(key) == value for key, value in fields.items()) else None

        self.until(look)

    def events(self) -> list[Json]:
        return list(self.probe.get(f"/api/v1/namespaces/{self.probe.namespace}/events").body["items"])
