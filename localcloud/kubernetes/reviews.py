"""Questions about oneself that are asked by creating an object nobody keeps: may I, what may I, who am I."""

from collections.abc import Callable
from typing import Any

from localcloud.kubernetes.authentication import User
from localcloud.kubernetes.authorization import Attempt, Authorizer
from localcloud.kubernetes.errors import bad_request
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.targets import Request

KINDS = {
    ("authorization.k8s.io", "selfsubjectaccessreviews"): "SelfSubjectAccessReview",
    ("authorization.k8s.io", "selfsubjectrulesreviews"): "SelfSubjectRulesReview",
    ("authentication.k8s.io", "selfsubjectreviews"): "SelfSubjectReview",
}
VERSION = "v1"


def asked(request: Request) -> tuple[str, str] | None:
    """Give the group and plural of the review that a request asks for, or None."""
    parts = request.path.strip("/").split("/")
    key = (parts[1], parts[3]) if len(parts) == 4 and parts[0] == "apis" and parts[2] == VERSION else None
    return key if request.method == "POST" and key in KINDS else None


def attempt_of(key: tuple[str, str]) -> Attempt:
    """Describe the asking itself, which a role must allow."""
    return Attempt("create", key[0], key[1])


def answer(key: tuple[str, str], request: Request, user: User, authorizer: Authorizer) -> Object:
    """Answer a review."""
    if not isinstance(request.body, dict):
        raise bad_request("the body of the request must be an object")
    spec: Object = request.body.get("spec") or {}
    make: dict[str, Callable[[Object, User, Authorizer], Object]] = {
        "SelfSubjectAccessReview": _access,
        "SelfSubjectRulesReview": _rules,
        "SelfSubjectReview": _self,
    }
    head = {"kind": KINDS[key], "apiVersion": f"{key[0]}/{VERSION}", "metadata": {}}
    return {**head, "spec": spec, "status": make[KINDS[key]](spec, user, authorizer)}


def _access(spec: Object, user: User, authorizer: Authorizer) -> Object:
    wanted: Any = spec.get("resourceAttributes")
    if wanted is not None:
        part = f"/{wanted['subresource']}" if wanted.get("subresource") else ""
        place = {key: wanted.get(key) or "" for key in ("namespace", "name", "group")}
        attempt = Attempt(wanted.get("verb", ""), resource=f"{wanted.get('resource', '')}{part}", **place)
    else:
        wanted = spec.get("nonResourceAttributes") or {}
        attempt = Attempt(wanted.get("verb", ""), path=wanted.get("path", ""))
    return {"allowed": authorizer.allows(user, attempt)}


def _rules(spec: Object, user: User, authorizer: Authorizer) -> Object:
    found = list(authorizer.rules(user, spec.get("namespace") or ""))
    return {
        "resourceRules": [rule for rule in found if rule.get("resources")],
        "nonResourceRules": [rule for rule in found if rule.get("nonResourceURLs")],
        "incomplete": False,
    }


def _self(_: Object, user: User, __: Authorizer) -> Object:
    return {"userInfo": {"username": user.name, "groups": list(user.groups)}}
