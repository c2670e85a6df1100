"""Pods that want to be near each other, as `kqtas.out` has it: no node takes pods, then all do, and each pod is told its node.

The nodes are objects only, with taints until the player takes them off; no kubelet is behind them.
"""

from dataclasses import dataclass

from tests.cluster.probe import Json
from tests.cluster.stage import Stage

_GROUP = "kueue.x-k8s.io"
_KUEUE = f"/apis/{_GROUP}/v1beta1"
_LEVELS = ("topology.k8s.aws/network-node-layer-1", "topology.k8s.aws/network-node-layer-2", "kubernetes.io/hostname")
_NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
_JOBS_OF_ANOTHER_KIND = 4  # lines about a PyTorchJob, which this player does not make


def aliases(own: str) -> dict[str, str]:
    """Give the recorded name for each of ours."""
    return {
        f"{own}-topology": "hyperpod-default",
        f"{own}-flavor": "tas",
        f"{own}-label": "1",
        f"{own}-cq": "tas-cq",
        f"{own}-lq": "tas-lq",
        f"{own}-i-": "hyperpod-i-",
        own: "hyperpod-ns-team-a",
    }


@dataclass(frozen=True)
class Racks:
    """Four nodes of eight GPUs in two racks, and a queue for all of them, on a stage."""

    stage: Stage

    @property
    def own(self) -> str:
        return self.stage.probe.namespace

    def create(self, path: str, kind: str, name: str, spec: Json) -> None:
        body = {
            "apiVersion": f"{_GROUP}/v1beta1",
            "kind": kind,
            "metadata": {"name": f"{self.own}-{name}"},
            "spec": spec,
        }
        made = self.stage.probe.post(path, body)
        assert made.code == 201, made.body

    def make(self) -> None:
        self.create(f"{_KUEUE}/topologies", "Topology", "topology", {"levels": [{"nodeLabel": one} for one in _LEVELS]})
        for n in range(4):
            self._make_node(n)
        flavor = {"nodeLabels": {"tas": f"{self.own}-label"}, "topologyName": f"{self.own}-topology"}
        self.create(f"{_KUEUE}/resourceflavors", "ResourceFlavor", "flavor", flavor)
        quota = {"name": f"{self.own}-flavor", "resources": [{"name": "nvidia.com/gpu", "nominalQuota": 32}]}
        groups = [{"coveredResources": ["nvidia.com/gpu"], "flavors": [quota]}]
        self.create(
            f"{_KUEUE}/clusterqueues", "ClusterQueue", "cq", {"namespaceSelector": {}, "resourceGroups": groups}
        )
        path = f"{_KUEUE}/namespaces/{self.own}/localqueues"
        self.create(path, "LocalQueue", "lq", {"clusterQueue": f"{self.own}-cq"})

    def _make_node(self, n: int) -> None:
        name = f"{self.own}-i-{n}"
        places = dict(zip(_LEVELS, ("nn-1", f"nn-2-{n // 2}", name), strict=True))
        metadata = {"name": name, "labels": {**places, "tas": f"{self.own}-label"}}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"taints": [_NOT_READY]}}
        assert self.stage.probe.post("/api/v1/nodes", node).code == 201
        amounts = {"cpu": "192", "nvidia.com/gpu": "8", "pods": "110", "memory": "2Ti"}
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        status = {"capacity": amounts, "allocatable": amounts, "conditions": [ready]}
        assert self.stage.probe.patch(f"/api/v1/nodes/{name}/status", {"status": status}).code == 200

    def remove(self) -> None:
        """Delete what lies outside of the namespace; the queue first, as it uses the rest."""
        for plural, word in (("clusterqueues", "cq"), ("resourceflavors", "flavor"), ("topologies", "topology")):
            self.stage.probe.call("DELETE", f"{_KUEUE}/{plural}/{self.own}-{word}")
        for n in range(4):
            self.stage.probe.call("DELETE", f"/api/v1/nodes/{self.own}-i-{n}")

    def submit(self, name: str, pods: int) -> None:
        wish = {f"{_GROUP}/podset-required-topology": _LEVELS[1]}
        container = {"name": "c", "image": "i", "resources": {"limits": {"nvidia.com/gpu": 8}}}
        template = {"metadata": {"annotations": wish}, "spec": {"restartPolicy": "Never", "containers": [container]}}
        spec = {"parallelism": pods, "completions": pods, "completionMode": "Indexed", "backoffLimit": 0}
        labels = {f"{_GROUP}/queue-name": f"{self.own}-lq"}
        self.stage.create_job(name, {**spec, "template": template}, labels)

    def workload(self, job: str) -> Json:
        listed = self.stage.probe.get(f"{_KUEUE}/namespaces/{self.own}/workloads").body["items"]
        return next((w for w in listed if w["metadata"]["ownerReferences"][0]["name"] == job), {})

    def conditions(self, job: str) -> list[list[str]]:
        found = self.workload(job).get("status", {}).get("conditions") or []
        return [[c["type"], c["status"], c["reason"], c["message"]] for c in found]

    def says(self, job: str, words: str) -> None:
        """Wait until a Workload's conditions hold some words."""
        self.stage.until(lambda: [c for c in self.conditions(job) if words in c[3]])


def play(stage: Stage) -> None:
    """Play it all, in the recorded order; what was made outside of the namespace goes again."""
    racks = Racks(stage)
    try:
        racks.make()
        _wait(racks)
        _settle(racks)
    finally:
        racks.remove()


def _wait(racks: Racks) -> None:
    account = racks.stage.account
    racks.submit("t1", 2)
    racks.says("t1", "topology")
    found = racks.workload("t1")
    account.say("TR", found["spec"]["podSets"][0].get("topologyRequest"))
    account.say("ADM", found["status"].get("admission"))
    account.say(racks.conditions("t1"))
    racks.submit("t2", 3)
    racks.says("t2", "topology")
    account.say("t2", racks.conditions("t2"))
    for _ in range(_JOBS_OF_ANOTHER_KIND):
        account.say("(nothing)")


def _settle(racks: Racks) -> None:
    stage, nodes = racks.stage, [f"/api/v1/nodes/{racks.own}-i-{n}" for n in range(4)]
    stage.account.say("taints", stage.probe.get(nodes[0]).body["spec"])
    for node in nodes:
        assert stage.probe.patch(node, {"spec": {"taints": None}}).code == 200
    racks.says("t1", "The workload is admitted")
    stage.account.say("ADM", racks.workload("t1")["status"]["admission"])
    stage.account.say(racks.conditions("t1"))
    stage.until(lambda: len([pod for pod in stage.pods("t1") if "schedulingGates" not in pod["spec"]]) == 2)
    for pod in stage.pods("t1"):
        metadata, spec = pod["metadata"], pod["spec"]
        gates = str(spec.get("schedulingGates"))
        stage.account.say("POD", metadata["labels"], metadata.get("annotations"), spec.get("nodeSelector"), gates)
    racks.says("t2", "more needed")
    stage.account.say("t2", racks.conditions("t2"))
