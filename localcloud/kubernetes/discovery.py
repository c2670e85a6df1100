"""What a client reads before it asks for anything: versions, groups and their kinds."""

from typing import Any

from localcloud.kubernetes import errors, openapi, reviews
from localcloud.kubernetes.kinds import Kinds, by_age
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.resources import PODS, Resource

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_SHORT = {
    "configmaps": ["cm"], "clusterqueues": ["cq"], "customresourcedefinitions": ["crd"], "events": ["ev"], "localqueues": ["lq"],
    "namespaces": ["ns"], "nodes": ["no"], "persistentvolumeclaims": ["pvc"], "persistentvolumes": ["pv"], "pods": ["po"],
    "priorityclasses": ["pc"], "resourceflavors": ["rf"], "resourcequotas": ["quota"], "serviceaccounts": ["sa"], "storageclasses": ["sc"],
    "workloads": ["wl"],
}  # fmt: skip
_IN_ALL = ("pods", "jobs")
OPEN = ("/version", "/readyz", "/livez", "/healthz")


def document(path: str, kinds: Kinds) -> Any:
    """Give the discovery document at a path, or None when the path is none; StatusError 404 for an unknown group."""
    path = "/" + path.strip("/")
    if path.startswith("/openapi/v3"):
        return openapi.document(path, kinds)
    if path in OPEN:
        return _version() if path == "/version" else "ok"
    if path in ("/api", "/apis"):
        return _core_versions() if path == "/api" else _groups(kinds)
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) == 2:
        return _kinds("", parts[1], kinds)
    if parts[0] == "apis" and len(parts) == 2:
        return _one_group(parts[1], kinds)
    return _kinds(parts[1], parts[2], kinds) if parts[0] == "apis" and len(parts) == 3 else None


def _version() -> Object:
    return {
        "major": "1",
        "minor": "36",
        "gitVersion": "v1.36.2+local",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "none",
        "platform": "linux/amd64",
    }


def _core_versions() -> Object:
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def _groups(kinds: Kinds) -> Object:
    names = dict.fromkeys([*(r.group for r in kinds.all() if r.group), *(group for group, _ in reviews.KINDS)])
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name, kinds) for name in names]}


def _group(name: str, kinds: Kinds) -> Object:
    versions = sorted({v for r in kinds.all() if r.group == name for v in r.served}, key=by_age) or [reviews.VERSION]
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _one_group(name: str, kinds: Kinds) -> Object:
    if not any(r.group == name for r in kinds.all()) and name not in {group for group, _ in reviews.KINDS}:
        raise errors.unknown_path()
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, kinds)}


def _kinds(group: str, version: str, kinds: Kinds) -> Object:
    listed = [entry for r in kinds.served(group, version) for entry in _entries(r)]
    listed += [_review(plural, kind) for (of, plural), kind in reviews.KINDS.items() if of == group]
    if not listed:
        raise errors.unknown_path()
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _review(plural: str, kind: str) -> Object:
    return {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}


def _entries(resource: Resource) -> list[Object]:
    short = resource.names.get("shortNames") or _SHORT.get(resource.plural, [])
    categories = resource.names.get("categories") or (["all"] if resource.plural in _IN_ALL else [])
    whole = {
        "name": resource.plural,
        "singularName": resource.names.get("singular") or resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": _VERBS,
        **({"shortNames": short} if short else {}),
        **({"categories": categories} if categories else {}),
    }
    parts = [("status", ["get", "patch", "update"])] if resource.status else []
    parts += [("log", ["get"])] if resource is PODS else []
    whole_of_part = {key: value for key, value in whole.items() if key not in ("shortNames", "categories")}
    subresources = [
        {**whole_of_part, "name": f"{resource.plural}/{part}", "singularName": "", "verbs": v} for part, v in parts
    ]
    return [whole, *subresources]
