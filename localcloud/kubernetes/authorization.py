"""Who may do what: RBAC, read from the cluster's own roles and bindings at every request. Nothing is denied, only not allowed.

Aggregated cluster roles are refused by name where roles are admitted; impersonation does not exist.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from localcloud.kubernetes.api import Api, Options
from localcloud.kubernetes.authentication import MASTERS, Grant, User
from localcloud.kubernetes.errors import StatusError, not_found
from localcloud.kubernetes.first_roles import FIRST_BINDINGS, FIRST_ROLES
from localcloud.kubernetes.objects import Object, namespace_of
from localcloud.kubernetes.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, NAMESPACES, ROLE_BINDINGS, ROLES
from localcloud.kubernetes.targets import Request, Target


class Attempt(NamedTuple):
    """What somebody wants to do: a verb on a resource (`pods`, or `pods/log`), or on a path when there is no resource."""

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


def attempt_of(verb: str, target: Target | None, request: Request) -> Attempt:
    """Describe a request; one for a document has no target. A list of the one object of a name is about that name."""
    if target is None:
        return Attempt(verb, path=request.path)
    part = f"/{target.subresource}" if target.subresource else ""
    place = target.name if target.resource is NAMESPACES else target.namespace  # a namespace is in itself
    return Attempt(
        verb, target.resource.group, f"{target.resource.plural}{part}", place, target.name or _selected(request)
    )


def _selected(request: Request) -> str:
    terms = dict(term.split("=", 1) for term in request.query.get("fieldSelector", "").split(",") if "=" in term)
    return terms.get("metadata.name", "").removeprefix("=")


def install(api: Api) -> None:
    """Make the roles and bindings that every cluster has."""
    for name, rules in FIRST_ROLES.items():
        api.create(CLUSTER_ROLES, "", {"metadata": {"name": name}, "rules": rules}, Options())
    for role, group in FIRST_BINDINGS.items():
        subject = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        api.create(CLUSTER_ROLE_BINDINGS, "", {"metadata": {"name": role}, "subjects": [subject], "roleRef": reference})


@dataclass(frozen=True)
class Authorizer:
    """The roles of one cluster."""

    api: Api

    def require(self, user: User, attempt: Attempt) -> None:
        """Raise StatusError 403 in the API server's words unless a role allows it."""
        if not self.allows(user, attempt):
            raise StatusError(403, "Forbidden", _words(user, attempt), _details(attempt))

    def allows(self, user: User, attempt: Attempt) -> bool:
        """Tell whether a role of the user's allows an attempt."""
        return MASTERS in user.groups or any(matches(rule, attempt) for rule in self.rules(user, attempt.namespace))

    def rules(self, user: User, namespace: str) -> Iterator[Object]:
        """Give the rules that hold for a user in a namespace, from roles or elsewhere; in none, those of the whole cluster."""
        for grant in user.grants:
            if _reaches(grant, namespace):
                yield from grant.rules
        yield from self.held(user, namespace)

    def held(self, user: User, namespace: str) -> Iterator[Object]:
        """Give the rules that roles of the cluster give a user."""
        bindings = self.api.store.all_of(CLUSTER_ROLE_BINDINGS)
        if namespace:
            bindings = [*bindings, *self.api.store.all_of(ROLE_BINDINGS, namespace)]
        for binding in bindings:
            if any(_is(user, subject) for subject in binding.get("subjects") or []):
                yield from (self._role(binding) or {}).get("rules") or []

    def require_role(self, binding: Object) -> Object:
        """Give the role that a binding refers to; StatusError 404."""
        role = self._role(binding)
        if role is None:
            kind = CLUSTER_ROLES if binding["roleRef"]["kind"] == "ClusterRole" else ROLES
            raise not_found(kind, binding["roleRef"]["name"])
        return role

    def _role(self, binding: Object) -> Object | None:
        reference = binding["roleRef"]
        kind, place = (CLUSTER_ROLES, "") if reference["kind"] == "ClusterRole" else (ROLES, namespace_of(binding))
        return self.api.store.get(kind, place, reference["name"])


def _reaches(grant: Grant, namespace: str) -> bool:
    return not grant.namespaces or any(fnmatchcase(namespace, pattern) for pattern in grant.namespaces)


def _is(user: User, subject: Object) -> bool:
    names = user.groups if subject["kind"] == "Group" else (user.name,) if subject["kind"] == "User" else ()
    return subject["name"] in names


def matches(rule: Object, attempt: Attempt) -> bool:
    """Tell whether a rule allows an attempt. A `*` in the attempt is matched by a `*` in the rule alone."""
    if not _holds(rule.get("verbs"), attempt.verb):
        return False
    if not attempt.resource:
        return any(fnmatchcase(attempt.path, pattern) for pattern in rule.get("nonResourceURLs") or [])
    names = rule.get("resourceNames") or []
    return (
        _holds(rule.get("apiGroups"), attempt.group)
        and _holds_resource(rule.get("resources") or [], attempt.resource)
        and (not names or attempt.name in names)
    )


def _holds(allowed: list[str] | None, wanted: str) -> bool:
    return "*" in (allowed or []) or wanted in (allowed or [])


def _holds_resource(allowed: list[str], wanted: str) -> bool:
    _, _, part = wanted.partition("/")
    return _holds(allowed, wanted) or bool(part and f"*/{part}" in allowed)


def _words(user: User, attempt: Attempt) -> str:
    who = f'User "{user.name}" cannot {attempt.verb}'
    if not attempt.resource:
        return f'forbidden: {who} path "{attempt.path}"'
    plural, _, part = attempt.resource.partition("/")
    key = f"{plural}.{attempt.group}" if attempt.group else plural
    named = f'{key} "{attempt.name}"' if attempt.name else key
    where = f'in the namespace "{attempt.namespace}"' if attempt.namespace else "at the cluster scope"
    resource = f"{plural}/{part}" if part else plural
    return f'{named} is forbidden: {who} resource "{resource}" in API group "{attempt.group}" {where}'


def _details(attempt: Attempt) -> Object:
    if not attempt.resource:
        return {}
    kind = attempt.resource.partition("/")[0]
    return {"group": attempt.group, "kind": kind, **({"name": attempt.name} if attempt.name else {})}
