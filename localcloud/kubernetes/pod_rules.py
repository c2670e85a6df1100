"""Defaults and rules of pods and pod templates, as the API server writes them."""

import re

from localcloud.kubernetes.errors import Cause
from localcloud.kubernetes.objects import Object

_KINDS = ("containers", "initContainers")
_NAME = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
_DEFAULTS: Object = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
}
DEFAULT_TERMINATION_PATH = "/dev/termination-log"


def default_spec(spec: Object) -> None:
    """Fill in what a pod spec leaves out."""
    for key, value in _DEFAULTS.items():
        spec.setdefault(key, value)
    spec.setdefault("securityContext", {})
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        _default_container(container)


def _default_container(container: Object) -> None:
    container.setdefault("imagePullPolicy", _pull_policy(str(container.get("image") or "")))
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", DEFAULT_TERMINATION_PATH)
    container.setdefault("terminationMessagePolicy", "File")
    for variable in container.get("env") or []:
        field = (variable.get("valueFrom") or {}).get("fieldRef")
        if field is not None:
            field.setdefault("apiVersion", "v1")


def _pull_policy(image: str) -> str:
    if "@" in image:
        return "IfNotPresent"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def spec_causes(spec: Object, path: str) -> list[Cause]:
    """Give everything wrong with a pod spec."""
    containers = spec.get("containers")
    if not containers:
        return [Cause(f"{path}.containers", "Required value", "FieldValueRequired")]
    causes = [
        cause
        for key in _KINDS
        for i, c in enumerate(spec.get(key) or [])
        for cause in _container_causes(c, f"{path}.{key}[{i}]")
    ]
    return causes + _duplicates(containers, f"{path}.containers") + _mount_causes(spec, path)


def _container_causes(container: Object, path: str) -> list[Cause]:
    causes = []
    name = container.get("name")
    if not name:
        causes.append(Cause(f"{path}.name", "Required value", "FieldValueRequired"))
    elif not _NAME.match(name):
        causes.append(Cause(f"{path}.name", f'Invalid value: "{name}": a lowercase RFC 1123 label must consist of '
                            "lower case alphanumeric characters or '-'"))  # fmt: skip
    if not container.get("image"):
        causes.append(Cause(f"{path}.image", "Required value", "FieldValueRequired"))
    return causes


def _duplicates(items: list[Object], path: str) -> list[Cause]:
    names = [item.get("name") for item in items]
    return [
        Cause(f"{path}[{i}].name", f'Duplicate value: "{name}"', "FieldValueDuplicate")
        for i, name in enumerate(names)
        if name in names[:i]
    ]


def _mount_causes(spec: Object, path: str) -> list[Cause]:
    volumes = {volume.get("name") for volume in spec.get("volumes") or []}
    return [
        Cause(
            f"{path}.containers[{i}].volumeMounts[{k}].name", f'Not found: "{mount.get("name")}"', "FieldValueNotFound"
        )
        for i, container in enumerate(spec["containers"])
        for k, mount in enumerate(container.get("volumeMounts") or [])
        if mount.get("name") not in volumes
    ]


def admit_pod(new: Object, old: Object | None) -> list[Cause]:
    """Default and check a Pod; only its image and a few numbers may change after creation."""
    spec = new.setdefault("spec", {})
    default_spec(spec)
    _default_requests(spec)
    causes = spec_causes(spec, "spec")
    gated = old is not None and bool(old["spec"].get("schedulingGates"))
    if old is not None and _frozen(spec, gated=gated) != _frozen(old["spec"], gated=gated):
        causes.append(Cause("spec", "Forbidden: pod updates may not change fields other than "
                            "`spec.containers[*].image`,`spec.activeDeadlineSeconds`", "FieldValueForbidden"))  # fmt: skip
    return causes


def _default_requests(spec: Object) -> None:
    for container in spec.get("containers") or []:
        limits = container["resources"].get("limits")
        if limits:
            container["resources"]["requests"] = {**limits, **(container["resources"].get("requests") or {})}


def _frozen(spec: Object, *, gated: bool) -> Object:
    """Give what may not change; behind a gate a pod may still be told where to go, and gates may be opened."""
    containers = [{k: v for k, v in c.items() if k != "image"} for c in spec.get("containers") or []]
    free = ("nodeName", "activeDeadlineSeconds", "tolerations", *(("schedulingGates", "nodeSelector") if gated else ()))
    kept = {k: v for k, v in spec.items() if k not in free}
    return {**kept, "containers": containers}
