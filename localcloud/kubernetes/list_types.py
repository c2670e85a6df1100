"""Which lists of the built-in kinds merge item by item, and which maps are replaced as a whole: `x-kubernetes-list-type` and `-map-type` upstream.

Read from Kubernetes' own OpenAPI document of 1.36 for the kinds served here, and from the definitions of Kueue 0.19. Whatever is not named is as
usual: a map merges field by field, a list is replaced as a whole.
"""

from typing import Any

SET = ()  # items are their own keys
ATOMIC = None
_BY_NAME = ("name",)
_BY_TYPE = ("type",)
_CONTAINER: dict[str, tuple[str, ...] | None] = {
    "env": _BY_NAME,
    "ports": ("containerPort", "protocol"),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
}
LISTS: dict[str, dict[str, tuple[str, ...] | None]] = {  # by model and field; None is a map that is replaced
    "Container": _CONTAINER,
    "ContainerRestartRuleOnExitCodes": {"values": SET},
    "ContainerStatus": {"allocatedResourcesStatus": _BY_NAME, "volumeMounts": ("mountPath",)},
    "CustomResourceDefinitionStatus": {"conditions": _BY_TYPE},
    "EphemeralContainer": _CONTAINER,
    "NamespaceStatus": {"conditions": _BY_TYPE},
    "NodeSpec": {"podCIDRs": SET},
    "NodeStatus": {"addresses": _BY_TYPE, "conditions": _BY_TYPE},
    "ObjectMeta": {"finalizers": SET, "ownerReferences": ("uid",)},
    "PersistentVolumeClaimStatus": {"conditions": _BY_TYPE},
    "PodFailurePolicyOnExitCodesRequirement": {"values": SET},
    "PodSpec": {
        "containers": _BY_NAME,
        "ephemeralContainers": _BY_NAME,
        "hostAliases": ("ip",),
        "imagePullSecrets": _BY_NAME,
        "initContainers": _BY_NAME,
        "nodeSelector": ATOMIC,
        "resourceClaims": _BY_NAME,
        "schedulingGates": _BY_NAME,
        "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
        "volumes": _BY_NAME,
    },
    "PodStatus": {"conditions": _BY_TYPE, "podIPs": ("ip",), "resourceClaimStatuses": _BY_NAME},
    "ResourceRequirements": {"claims": _BY_NAME},
    "ResourceStatus": {"resources": ("resourceID",)},
    "ServiceAccount": {"secrets": _BY_NAME},
    "UncountedTerminatedPods": {"failed": SET, "succeeded": SET},
    "ValidatingAdmissionPolicyBindingSpec": {"validationActions": SET},
    "ValidatingAdmissionPolicySpec": {"matchConditions": _BY_NAME, "variables": _BY_NAME},
    "ValidatingAdmissionPolicyStatus": {"conditions": _BY_TYPE},
}
REPLACED = {  # models that are replaced as a whole wherever they stand
    "ConfigMapKeySelector", "FileKeySelector", "LabelSelector", "LocalObjectReference", "MatchResources", "NamedRuleWithOperations",
    "NodeSelector", "NodeSelectorTerm", "ObjectFieldSelector", "ObjectReference", "OwnerReference", "ParamKind", "ParamRef",
    "ResourceFieldSelector", "RoleRef", "ScopeSelector", "SecretKeySelector", "SecretReference", "Subject", "TopologySelectorTerm",
    "TypedLocalObjectReference", "Variable",
}  # fmt: skip
MERGED = {("PersistentVolumeSpec", "claimRef")}  # but not here
KEY_DEFAULTS = {("ContainerPort", "protocol"): "TCP"}  # what a key is that an item leaves out

MODEL = "x-model"  # of Kubernetes, where a definition repeats it


def _keyed(*keys: str, **fields: Any) -> dict[str, Any]:
    items = {"properties": fields}
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys), "items": items}


_REPLACED = {"x-kubernetes-map-type": "atomic"}
_USAGE = _keyed("name", resources=_keyed("name"))
_USED = {"conditions": _keyed("type"), "flavorsReservation": _USAGE, "flavorsUsage": _USAGE}
_ADMISSION = {"properties": {"podSetAssignments": _keyed("name")}}
_STATISTICS = {"properties": {"evictions": _keyed("reason", "underlyingCause")}}
KUEUE_SCHEMAS: dict[str, dict[str, Any]] = {
    "ClusterQueue": {"spec": {"properties": {"namespaceSelector": _REPLACED}}, "status": {"properties": _USED}},
    "LocalQueue": {"status": {"properties": _USED}},
    "ResourceFlavor": {"spec": {"properties": {"nodeLabels": _REPLACED}}},
    "Workload": {
        "spec": {"properties": {"podSets": _keyed("name", template={MODEL: "V1PodTemplateSpec"})}},
        "status": {
            "properties": {
                "admission": _ADMISSION,
                "conditions": _keyed("type"),
                "reclaimablePods": _keyed("name"),
                "resourceRequests": _keyed("name"),
                "schedulingStats": _STATISTICS,
            }
        },
    },
}
