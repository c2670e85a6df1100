"""ResourceQuotas: what would exceed one is refused, and each says how much of it is used.

What is used is counted anew at every decision, under the store's lock, so two requests at the same time cannot both get the last place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from localcloud.kubernetes import namespace_usage, quota_scopes
from localcloud.kubernetes.api import Api
from localcloud.kubernetes.errors import forbidden
from localcloud.kubernetes.objects import Object, dig, name_of, namespace_of
from localcloud.kubernetes.quantities import Amounts, add, canonical, parse
from localcloud.kubernetes.resources import PODS, QUOTAS, Resource
from localcloud.kubernetes.store import Store
from localcloud.kubernetes.writes import Write


def require_room(store: Store, write: Write) -> None:
    """Raise StatusError 403 in the API server's words when a new object does not fit into a quota of its namespace."""
    resource, new = write.resource, write.new
    quotas = store.all_of(QUOTAS, write.namespace) if resource.namespaced and write.operation == "CREATE" else []
    if not quotas or new is None:
        return
    taken = {name: amount for name, amount in namespace_usage.of(resource, new).items() if amount}
    for quota in (one for one in quotas if quota_scopes.counts(one, resource, new)):
        why = _unsaid(quota, resource, new) or _exceeded(quota, taken, _used(store, resource, quota))
        if why:
            raise forbidden(resource, name_of(new), why)


def _used(store: Store, resource: Resource, quota: Object) -> Amounts:
    things = store.all_of(resource, namespace_of(quota))
    return add(namespace_usage.of(resource, thing) for thing in things if quota_scopes.counts(quota, resource, thing))


def _unsaid(quota: Object, resource: Resource, new: Object) -> str:
    missing = namespace_usage.unsaid(new["spec"], _hard(quota)) if resource is PODS else {}
    listed = "; ".join(f"{name} for: {','.join(containers)}" for name, containers in missing.items())
    return f"failed quota: {name_of(quota)}: must specify {listed}" if listed else ""


def _hard(quota: Object) -> Mapping[str, str]:
    return dig(quota, "spec", "hard") or {}


def _exceeded(quota: Object, taken: Amounts, used: Amounts) -> str:
    limits = {name: parse(text) for name, text in _hard(quota).items()}
    over = [name for name in sorted(taken) if name in limits and used.get(name, 0) + taken[name] > limits[name]]
    if not over:
        return ""
    amounts = (("requested", taken), ("used", used), ("limited", limits))
    said = ", ".join(f"{word}: {_listed(over, some)}" for word, some in amounts)
    return f"exceeded quota: {name_of(quota)}, {said}"


def _listed(names: list[str], amounts: Amounts) -> str:
    return ",".join(f"{name}={_written(name, amounts)}" for name in names)


def _written(name: str, amounts: Amounts) -> str:
    return canonical(amounts.get(name, Fraction(0)), binary="memory" in name or "storage" in name)


@dataclass(frozen=True)
class ResourceQuotas:
    """The controller: it keeps `status.hard` and `status.used` of every quota."""

    api: Api

    def reconcile(self) -> float | None:
        """Count what every namespace with a quota uses."""
        for quota in self.api.store.all_of(QUOTAS):
            hard = _hard(quota)
            used = self._used(quota, hard)
            status = {"hard": dict(hard), "used": {name: _written(name, used) for name in hard}}
            if status != quota.get("status"):
                self.api.write_status(QUOTAS, quota, status, "kube-controller-manager")
        return None

    def _used(self, quota: Object, hard: Mapping[str, str]) -> Amounts:
        counted = [r for r in self.api.kinds.all() if r.namespaced and namespace_usage.may_take(r, hard)]
        return add(_used(self.api.store, resource, quota) for resource in counted)
