"""The checks of the Pod Security Standards: each gives what a pod breaks, or nothing.

Reasons, details and their order are those of k8s.io/pod-security-admission: the checks of `baseline` by name, then those that only `restricted` has.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from localcloud.kubernetes.objects import Object, dig

Check = Callable[[Object], str]
_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP",
    "SETUID", "SYS_CHROOT",
}  # fmt: skip
_SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
}  # fmt: skip
_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def _containers(spec: Object) -> Iterator[Object]:
    yield from spec.get("initContainers") or []
    yield from spec.get("containers") or []


def _set(part: Object, *path: str) -> Any:
    return dig(part, "securityContext", *path)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _named(word: str, names: list[str]) -> str:
    return f"{word}{'s' if len(names) > 1 else ''} {_quoted(names)}"


def _verb(names: list[str]) -> str:
    return "use" if len(names) > 1 else "uses"


def _bad_containers(spec: Object, is_bad: Callable[[Object], bool]) -> list[str]:
    return [container["name"] for container in _containers(spec) if is_bad(container)]


def _must(spec: Object, is_bad: Callable[[Object], bool], rule: str) -> str:
    bad = _bad_containers(spec, is_bad)
    return f"{_named('container', bad)} must {rule}" if bad else ""


def _added(spec: Object, allowed: set[str]) -> str:
    bad = _bad_containers(spec, lambda c: bool(_extra(c, allowed)))
    extra = sorted({word for container in _containers(spec) for word in _extra(container, allowed)})
    return (
        f"{_named('container', bad)} must not include {_quoted(extra)} in securityContext.capabilities.add"
        if bad
        else ""
    )


def _extra(container: Object, allowed: set[str]) -> set[str]:
    return set(_set(container, "capabilities", "add") or []) - allowed


def _default_capabilities(spec: Object) -> str:
    return _added(spec, _CAPABILITIES)


def _host_namespaces(spec: Object) -> str:
    return ", ".join(f"{key}=true" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key))


def _host_paths(spec: Object) -> str:
    found = [volume["name"] for volume in spec.get("volumes") or [] if "hostPath" in volume]
    return _named("volume", found) if found else ""


def _host_ports(spec: Object) -> str:
    bad = _bad_containers(spec, lambda container: bool(_ports(container)))
    ports = sorted({str(port) for container in _containers(spec) for port in _ports(container)})
    return (
        f"{_named('container', bad)} {_verb(bad)} hostPort{'s' if len(ports) > 1 else ''} {', '.join(ports)}"
        if bad
        else ""
    )


def _ports(container: Object) -> list[int]:
    return [port["hostPort"] for port in container.get("ports") or [] if port.get("hostPort")]


def _privileged(spec: Object) -> str:
    return _must(spec, lambda c: bool(_set(c, "privileged")), "not set securityContext.privileged=true")


def _proc_mount(spec: Object) -> str:
    bad = 'not set securityContext.procMount to "Unmasked"'
    return _must(spec, lambda c: _set(c, "procMount") == "Unmasked", bad)


def _unconfined(spec: Object) -> str:
    return _setters(
        spec, ("seccompProfile", "type"), "Unconfined", 'securityContext.seccompProfile.type to "Unconfined"'
    )


def _setters(spec: Object, path: tuple[str, ...], wrong: Any, what: str) -> str:
    """Who sets a field to a value it must not have: the pod, containers, or both."""
    bad = _bad_containers(spec, lambda c: _is(_set(c, *path), wrong))
    who = ["pod"] if _is(_set(spec, *path), wrong) else []
    who += [_named("container", bad)] if bad else []
    return f"{' and '.join(who)} must not set {what}" if who else ""


def _is(value: Any, wrong: Any) -> bool:
    return type(value) is type(wrong) and value == wrong


def _sysctls(spec: Object) -> str:
    return ", ".join(str(one.get("name")) for one in _set(spec, "sysctls") or [] if one.get("name") not in _SYSCTLS)


def _escalation(spec: Object) -> str:
    rule = "set securityContext.allowPrivilegeEscalation=false"
    return _must(spec, lambda c: _set(c, "allowPrivilegeEscalation") is not False, rule)


def _dropped_capabilities(spec: Object) -> str:
    rule = 'set securityContext.capabilities.drop=["ALL"]'
    kept = _must(spec, lambda c: "ALL" not in (_set(c, "capabilities", "drop") or []), rule)
    return "; ".join(filter(None, (kept, _added(spec, {"NET_BIND_SERVICE"}))))


def _restricted_volumes(spec: Object) -> str:
    found = {
        v["name"]: kind for v in spec.get("volumes") or [] for kind in v if kind != "name" and kind not in _VOLUMES
    }
    kinds = sorted(set(found.values()))
    if not found:
        return ""
    return f"{_named('volume', list(found))} {_verb(list(found))} {_named('restricted volume type', kinds)}"


def _non_root(spec: Object) -> str:
    setters = _setters(spec, ("runAsNonRoot",), False, "securityContext.runAsNonRoot=false")
    return setters or _unless_the_pod(spec, ("runAsNonRoot",), "securityContext.runAsNonRoot=true")


def _unless_the_pod(spec: Object, path: tuple[str, ...], what: str) -> str:
    """Which containers leave out a field that the pod does not set for them."""
    lacking = [] if _set(spec, *path) else _bad_containers(spec, lambda c: _set(c, *path) is None)
    return f"pod or {_named('container', lacking)} must set {what}" if lacking else ""


def _root_user(spec: Object) -> str:
    return _setters(spec, ("runAsUser",), 0, "runAsUser=0")


def _confined(spec: Object) -> str:
    wanted = 'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return _unconfined(spec) or _unless_the_pod(spec, ("seccompProfile", "type"), wanted)


BASELINE: Mapping[str, Check] = {
    "non-default capabilities": _default_capabilities,
    "host namespaces": _host_namespaces,
    "hostPath volumes": _host_paths,
    "hostPort": _host_ports,
    "privileged": _privileged,
    "procMount": _proc_mount,
    "seccompProfile": _unconfined,
    "forbidden sysctls": _sysctls,
}
RESTRICTED: Mapping[str, Check] = {
    "host namespaces": _host_namespaces,
    "hostPort": _host_ports,
    "privileged": _privileged,
    "procMount": _proc_mount,
    "forbidden sysctls": _sysctls,
    "allowPrivilegeEscalation != false": _escalation,
    "unrestricted capabilities": _dropped_capabilities,
    "restricted volume types": _restricted_volumes,
    "runAsNonRoot != true": _non_root,
    "runAsUser=0": _root_user,
    "seccompProfile": _confined,
}
