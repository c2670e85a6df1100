"""What a user may not write although a rule allows the verb: rights that he does not hold, and a new object by a patch alone.

The words and the comparison are those of the API server: rights are taken apart into single verbs on single resources, and those that the
cluster's roles do not give the user himself are listed. Rights from elsewhere (EKS's policies) count only where they allow `escalate` or `bind`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from localcloud.kubernetes import errors
from localcloud.kubernetes.authentication import MASTERS, User
from localcloud.kubernetes.authorization import Attempt, Authorizer, matches
from localcloud.kubernetes.objects import Object, name_of, namespace_of
from localcloud.kubernetes.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    RBAC,
    ROLE_BINDINGS,
    ROLES,
    Resource,
)
from localcloud.kubernetes.targets import Request


@dataclass(frozen=True)
class Limits:
    """The limits of one cluster's users."""

    authorizer: Authorizer

    def check(self, request: Request, resource: Resource, new: Object, old: Object | None) -> None:
        """Raise StatusError 403 when the user of a request may not write `new` in the place of `old`."""
        if old is None and request.method == "PATCH":
            place = namespace_of(new), name_of(new)
            self.authorizer.require(request.user, Attempt("create", resource.group, resource.plural, *place))
        if MASTERS in request.user.groups:
            return
        if resource in (ROLES, CLUSTER_ROLES) and (old is None or old.get("rules") != new.get("rules")):
            self._check_role(request.user, resource, new)
        if resource in (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS) and (old is None or _bound(old) != _bound(new)):
            self._check_binding(request.user, resource, new)

    def _check_role(self, user: User, resource: Resource, role: Object) -> None:
        attempt = Attempt("escalate", RBAC, resource.plural, namespace_of(role), name_of(role))
        if not self.authorizer.allows(user, attempt):
            self._require_held(user, resource, role, role.get("rules") or [])

    def _check_binding(self, user: User, resource: Resource, binding: Object) -> None:
        plural = "clusterroles" if binding["roleRef"]["kind"] == "ClusterRole" else "roles"
        attempt = Attempt("bind", RBAC, plural, namespace_of(binding), binding["roleRef"]["name"])
        if not self.authorizer.allows(user, attempt):
            self._require_held(user, resource, binding, self.authorizer.require_role(binding).get("rules") or [])

    def _require_held(self, user: User, resource: Resource, thing: Object, rules: list[Object]) -> None:
        held = list(self.authorizer.held(user, namespace_of(thing)))
        lacking = [one for rule in rules for one in _taken_apart(rule) if not any(matches(h, one) for h in held)]
        if lacking:
            groups = " ".join(f'"{group}"' for group in user.groups)
            listed = "\n".join(sorted(_put_together(lacking)))
            who = f'user "{user.name}" (groups=[{groups}])'
            why = f"{who} is attempting to grant RBAC permissions not currently held:\n{listed}"
            raise errors.forbidden(resource, name_of(thing), why)


def _bound(binding: Object) -> tuple[object, object]:
    return binding["roleRef"], binding.get("subjects")


def _taken_apart(rule: Object) -> Iterator[Attempt]:
    for verb, path in product(rule["verbs"], rule.get("nonResourceURLs") or []):
        yield Attempt(verb, path=path)
    whole = rule.get("apiGroups") or [], rule.get("resources") or [], rule.get("resourceNames") or [""]
    for group, resource, name, verb in product(*whole, rule["verbs"]):
        yield Attempt(verb, group, resource, name=name)


def _put_together(lacking: Iterable[Attempt]) -> set[str]:
    """Write rights as the server does: the verbs on one resource in one rule."""
    verbs: dict[Attempt, list[str]] = {}
    for attempt in lacking:
        verbs.setdefault(attempt._replace(verb=""), []).append(attempt.verb)
    return {_written(attempt, all_verbs) for attempt, all_verbs in verbs.items()}


def _written(attempt: Attempt, verbs: list[str]) -> str:
    parts = {
        "APIGroups": [attempt.group] if attempt.resource else [],
        "Resources": [attempt.resource] if attempt.resource else [],
        "NonResourceURLs": [attempt.path] if attempt.path else [],
        "ResourceNames": [attempt.name] if attempt.name else [],
        "Verbs": verbs,
    }
    quoted = {part: " ".join(f'"{value}"' for value in values) for part, values in parts.items() if values}
    return "{" + ", ".join(f"{part}:[{values}]" for part, values in quoted.items()) + "}"
