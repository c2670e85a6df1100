"""Questions that are asked by creating an object nobody keeps: may I, may he, what may I, who am I.

Whether something is allowed is said without a reason. Selectors in a question are refused, because rules here know none.
"""

from collections.abc import Callable

from localcloud.kubernetes.authentication import User
from localcloud.kubernetes.authorization import Attempt, Authorizer
from localcloud.kubernetes.errors import Cause, StatusError, bad_request, invalid
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.resources import Resource
from localcloud.kubernetes.targets import Request

KINDS = {
    ("authorization.k8s.io", "selfsubjectaccessreviews"): "SelfSubjectAccessReview",
    ("authorization.k8s.io", "subjectaccessreviews"): "SubjectAccessReview",
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
        "SubjectAccessReview": _access_of_another,
        "SelfSubjectRulesReview": _rules,
        "SelfSubjectReview": _self,
    }
    head = {"kind": KINDS[key], "apiVersion": f"{key[0]}/{VERSION}", "metadata": {}}
    return {**head, "spec": spec, "status": make[KINDS[key]](spec, user, authorizer)}


def _access(spec: Object, user: User, authorizer: Authorizer, kind: str = "SelfSubjectAccessReview") -> Object:
    resource: Object = spec.get("resourceAttributes") or {}
    path: Object = spec.get("nonResourceAttributes") or {}
    if resource and path:
        raise _wrong(kind, "spec.nonResourceAttributes", "cannot be specified in combination with resourceAttributes")
    if not resource and not path:
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _wrong(kind, "spec.resourceAttributes", why)
    if resource and (found := [name for name in ("fieldSelector", "labelSelector") if name in resource]):
        raise _wrong(kind, f"spec.resourceAttributes.{found[0]}", "selectors are not supported by the local cluster")
    attempt = _on_a_resource(resource) if resource else Attempt(path.get("verb", ""), path=path.get("path", ""))
    return {"allowed": authorizer.allows(user, attempt)}


def _on_a_resource(wanted: Object) -> Attempt:
    part = f"/{wanted['subresource']}" if wanted.get("subresource") else ""
    place = {key: wanted.get(key) or "" for key in ("namespace", "name", "group")}
    return Attempt(wanted.get("verb", ""), resource=f"{wanted.get('resource', '')}{part}", **place)


def _access_of_another(spec: Object, _: User, authorizer: Authorizer) -> Object:
    user = User(spec.get("user") or "", tuple(spec.get("groups") or []))
    if not user.name and not user.groups:
        raise _wrong("SubjectAccessReview", "spec.user", "at least one of user or group must be specified")
    return _access(spec, user, authorizer, "SubjectAccessReview")


def _wrong(kind: str, field: str, why: str) -> StatusError:
    asked = Resource("authorization.k8s.io", "", kind, namespaced=False)
    return invalid(asked, "", [Cause(field, f"Invalid value: {why}")])


def _rules(spec: Object, user: User, authorizer: Authorizer) -> Object:
    if not spec.get("namespace"):
        raise bad_request("no namespace on request")
    found = list(authorizer.rules(user, spec["namespace"]))
    return {
        "resourceRules": [rule for rule in found if rule.get("resources")],
        "nonResourceRules": [rule for rule in found if rule.get("nonResourceURLs")],
        "incomplete": False,
    }


def _self(_: Object, user: User, __: Authorizer) -> Object:
    return {"userInfo": {"username": user.name, "groups": list(user.groups)}}
