"""The life of Workloads under Kueue as `kqrec.out` has it: waiting, running, preempted, back again, failed, switched off, stopped.

What lies outside of a namespace bears the namespace's own random name here, and the recorded name in the account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.cluster.probe import Json, eventually
from tests.cluster.stage import Stage

_GROUP = "kueue.x-k8s.io"
_KUEUE = f"/apis/{_GROUP}/v1beta1"
_NODES = {"node.kubernetes.io/instance-type": "ml.p5.48xlarge"}


def aliases(own: str) -> dict[str, str]:
    """Give the recorded name for each of ours."""
    return {
        f"{own}-flavor": "ml.p5.48xlarge",
        f"{own}-high": "high-priority",
        f"{own}-low": "low-priority",
        f"{own}-cq": "team-a-cq",
        f"{own}-lq": "team-a-lq",
        f"{own}-cohort": "research",
        f"{own}-missing": "nope-lq",
        own: "hyperpod-ns-team-a",
    }


@dataclass(frozen=True)
class Queues:
    """The queues of the recording, on a stage."""

    stage: Stage

    @property
    def own(self) -> str:
        return self.stage.probe.namespace

    @property
    def queue_path(self) -> str:
        return f"{_KUEUE}/clusterqueues/{self.own}-cq"

    def within(self, plural: str) -> str:
        return f"{_KUEUE}/namespaces/{self.own}/{plural}"

    def create(self, path: str, kind: str, name: str, **fields: Any) -> None:
        body = {"apiVersion": f"{_GROUP}/v1beta1", "kind": kind, "metadata": {"name": name}, **fields}
        made = self.stage.probe.post(path, body)
        assert made.code == 201, made.body

    def make(self) -> None:
        flavor = f"{self.own}-flavor"
        self.create(f"{_KUEUE}/resourceflavors", "ResourceFlavor", flavor, spec={"nodeLabels": _NODES})
        for word, value in (("high", 1000), ("low", 10)):
            path = f"{_KUEUE}/workloadpriorityclasses"
            self.create(path, "WorkloadPriorityClass", f"{self.own}-{word}", value=value)
        self.create(f"{_KUEUE}/clusterqueues", "ClusterQueue", f"{self.own}-cq", spec=self._queue_spec(flavor))
        self.create(self.within("localqueues"), "LocalQueue", f"{self.own}-lq", spec={"clusterQueue": f"{self.own}-cq"})

    def _queue_spec(self, flavor: str) -> Json:
        amounts = (("nvidia.com/gpu", 8), ("cpu", 100))
        quotas = [{"name": name, "nominalQuota": amount, "borrowingLimit": 0} for name, amount in amounts]
        return {
            "cohort": f"{self.own}-cohort",
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.own}},
            "queueingStrategy": "BestEffortFIFO",
            "preemption": {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"},
            "resourceGroups": [
                {"coveredResources": ["nvidia.com/gpu", "cpu"], "flavors": [{"name": flavor, "resources": quotas}]}
            ],
        }

    def remove(self) -> None:
        """Delete what lies outside of the namespace; the queue first, as it uses the rest."""
        names = {"clusterqueues": ("cq",), "resourceflavors": ("flavor",), "workloadpriorityclasses": ("high", "low")}
        for plural, words in names.items():
            for word in words:
                self.stage.probe.call("DELETE", f"{_KUEUE}/{plural}/{self.own}-{word}")

    def queue(self) -> Json:
        return dict(self.stage.probe.get(self.queue_path).body)

    def local(self) -> Json:
        return dict(self.stage.probe.get(f"{self.within('localqueues')}/{self.own}-lq").body)

    def show(self, title: str) -> None:
        self.stage.account.show(title, self.queue())
        self.stage.account.show("LQ", self.local())

    def counts(self, pending: int, reserving: int) -> None:
        """Wait until both queues say how many wait and how many hold quota."""

        def look() -> Any:
            found = [queue.get("status") or {} for queue in (self.queue(), self.local())]
            told = {(one.get("pendingWorkloads"), one.get("reservingWorkloads")) for one in found}
            return found if told == {(pending, reserving)} else None

        self.stage.until(look)

    def submit(self, name: str, gpus: int = 8, queue: str = "lq", priority: str = "") -> Json:
        labels = {f"{_GROUP}/queue-name": f"{self.own}-{queue}"} if queue else {}
        labels |= {f"{_GROUP}/priority-class": f"{self.own}-{priority}"} if priority else {}
        resources = {"limits": {"nvidia.com/gpu": gpus}, "requests": {"cpu": "1", "nvidia.com/gpu": gpus}}
        pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i", "resources": resources}]}
        return self.stage.create_job(name, {"backoffLimit": 0, "template": {"spec": pod}}, labels)

    def workload(self, job: str) -> Json | None:
        listed = self.stage.probe.get(self.within("workloads")).body["items"]
        mine = [w for w in listed if w["metadata"]["ownerReferences"][0]["name"] == job]
        return mine[0] if mine else None

    def conditions(self, job: str) -> list[list[str]]:
        found = (self.workload(job) or {}).get("status", {}).get("conditions") or []
        return [[c["type"], c["status"], c["reason"], c["message"]] for c in found]

    def has(self, job: str, kind: str, status: str = "True", reason: str = "") -> None:
        """Wait for a condition of a Job's Workload."""

        def look() -> Any:
            found = self.conditions(job)
            there = [c for c in found if (c[0], c[1]) == (kind, status) and reason in ("", c[2])]
            return found if there else None

        self.stage.until(look)


def play(stage: Stage) -> None:
    """Play it all, in the recorded order; what was made outside of the namespace goes again."""
    queues = Queues(stage)
    try:
        for scene in _SCENES:
            scene(queues)
    finally:
        queues.remove()


def _make(queues: Queues) -> None:
    account = queues.stage.account
    queues.make()
    account.say("LQ before")
    queues.counts(0, 0)
    queues.show("CQ")
    found = queues.queue()
    defaults = {key: value for key, value in found["spec"].items() if key != "resourceGroups"}
    account.say("CQ meta", found["metadata"].get("finalizers"), "spec defaults", defaults)


def _run(queues: Queues) -> None:
    stage = queues.stage
    answer = queues.submit("j1", priority="low")
    stage.account.say("POST response suspend:", str(answer["spec"]["suspend"]))
    queues.has("j1", "Admitted")
    stage.job_has("j1", "", active=1)
    template = stage.job("j1")["spec"]["template"]
    stage.account.say("JOB", "false", template["metadata"], template["spec"].get("nodeSelector"))
    workload = queues.workload("j1") or {}
    workload["metadata"].pop("managedFields", None)
    stage.account.say("WORKLOAD", workload)
    stage.pods_are("j1", "Running")
    stage.job_has("j1", "", ready=1)
    stage.account.say("running", queues.conditions("j1"))


def _wait(queues: Queues) -> None:
    account = queues.stage.account
    queues.submit("j2", priority="low")
    queues.has("j2", "QuotaReserved", "False")
    asked = (queues.workload("j2") or {})["status"].get("resourceRequests")
    account.say(
        "j2 pending", queues.conditions("j2"), asked, "job suspend", str(queues.stage.job("j2")["spec"]["suspend"])
    )
    queues.counts(1, 1)
    queues.show("CQ w/ pending")


def _refuse(queues: Queues) -> None:
    account = queues.stage.account
    for name, words, more in (("toobig", "toobig", {"gpus": 16}), ("noq", "no LQ", {"queue": "missing"})):
        queues.submit(name, **more)
        queues.has(name, "QuotaReserved", "False")
        account.say(words, queues.conditions(name))
        queues.stage.delete_job(name)
    queues.submit("unmanaged", queue="")
    queues.stage.job_has("unmanaged", "", active=1)
    suspended = queues.stage.job("unmanaged")["spec"]["suspend"]
    account.say("unmanaged suspend", str(suspended), "wl", str(queues.workload("unmanaged")))
    queues.stage.delete_job("unmanaged")


def _preempt(queues: Queues) -> None:
    stage = queues.stage
    stage.account.say("--- preemption")
    queues.submit("hi", priority="high")
    queues.has("hi", "Admitted")
    queues.has("j1", "QuotaReserved", "False", "Pending")
    stage.until(lambda: "more needed" in str(queues.conditions("j1")))
    stage.account.say("victim j1", (queues.workload("j1") or {})["status"])
    stage.account.say("hi", queues.conditions("hi"))
    job = stage.job("j1")
    stage.account.say("j1 job status", job["status"], str(job["spec"]["suspend"]))


def _come_back(queues: Queues) -> None:
    stage = queues.stage
    stage.job_has("hi", "", active=1)
    stage.pods_are("hi", "Running")
    stage.pods_are("hi", "Succeeded")
    queues.has("hi", "Finished")
    stage.account.say("hi done", queues.conditions("hi"))
    stage.account.say("hi admission kept?", str(bool((queues.workload("hi") or {})["status"].get("admission"))))
    queues.has("j1", "Admitted")
    stage.account.say("j1 re-admitted", queues.conditions("j1"))
    stage.account.say("j2", queues.conditions("j2"))


def _fail(queues: Queues) -> None:
    stage = queues.stage
    stage.job_has("j1", "", active=1)
    stage.pods_are("j1", "Running")
    stage.pods_are("j1", "Failed")
    queues.has("j1", "Finished")
    stage.account.say("j1 failed", queues.conditions("j1"))


def _switch_off(queues: Queues) -> None:
    stage = queues.stage
    stage.account.say("--- deactivate j2")
    queues.has("j2", "Admitted")
    stage.account.say(queues.conditions("j2"))
    name = (queues.workload("j2") or {})["metadata"]["name"]
    stage.probe.patch(f"{queues.within('workloads')}/{name}", {"spec": {"active": False}})
    queues.has("j2", "Requeued", "False")
    stage.account.say("j2 deact", queues.conditions("j2"), "suspend", str(stage.job("j2")["spec"]["suspend"]))
    stage.account.say("--- delete job => workload gone?")
    stage.delete_job("j2")
    stage.until(lambda: queues.workload("j2") is None)
    stage.account.say("wl j2", "False")


def _stop(queues: Queues) -> None:
    stage = queues.stage
    stage.account.say("--- hold CQ")
    queues.counts(0, 0)
    stage.probe.patch(queues.queue_path, {"spec": {"stopPolicy": "HoldAndDrain"}})
    stage.until(lambda: "is stopped" in str(queues.queue()["status"]))
    stage.account.show("CQ held", queues.queue())


def _tell_events(queues: Queues) -> None:
    account = queues.stage.account
    account.say("--- events")
    eventually(queues.stage.events)
    for event in queues.stage.events():
        written_by = {event.get("source", {}).get("component"), event.get("reportingComponent")}
        about = event["involvedObject"]["kind"]
        if "job-controller" not in written_by and about in ("Job", "Workload"):
            message = account.recorded(event["message"])[:160]
            account.say("  ", about, event["type"], event["reason"], message)


_SCENES: tuple[Callable[[Queues], None], ...] = (
    _make, _run, _wait, _refuse, _preempt, _come_back, _fail, _switch_off, _stop, _tell_events,
)  # fmt: skip
