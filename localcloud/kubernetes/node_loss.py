"""What the control plane does about a node whose machine was terminated: the Node goes, then its pods, running or not.

The last step is what the pod garbage collector is known to do, neither recorded from a real cluster nor checked against its source:
unfinished pods become Failed with a DisruptionTarget condition and every pod of the node is deleted without grace. The minutes until a
cluster notices are left out.
"""

from localcloud.kubernetes.api import Api, Place, place_of
from localcloud.kubernetes.deletion import Deletion, delete
from localcloud.kubernetes.objects import Object, dig, is_finished_pod, set_condition
from localcloud.kubernetes.resources import NODES, PODS

_COLLECTOR = "pod-garbage-collector"
_MESSAGE = "PodGC: node no longer exists"


def forget_node(api: Api, node: str) -> None:
    """Remove a node and all its pods, under the store's lock; LookupError when there is no such node."""
    if api.store.get(NODES, "", node) is None:
        raise LookupError(f"the node {node} is lost already: add_node() brings a new one")
    delete(api, Place(NODES, "", node), Deletion())
    for pod in [pod for pod in api.store.all_of(PODS) if dig(pod, "spec", "nodeName") == node]:
        if not is_finished_pod(pod):
            api.write_status(PODS, pod, _failed(pod), _COLLECTOR)
        delete(api, place_of(PODS, pod), Deletion(grace=0))


def _failed(pod: Object) -> Object:
    """The kubelet is gone, so what it last said of the containers stays."""
    status = pod.get("status") or {}
    conditions = list(status.get("conditions") or [])
    fresh = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC", "message": _MESSAGE}
    set_condition(conditions, fresh)
    return {**status, "phase": "Failed", "conditions": conditions}
