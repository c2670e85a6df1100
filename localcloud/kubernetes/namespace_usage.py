"""What one object takes of its namespace's quota: a number of objects, and what a pod or a claim asks for.

A pod that is over still counts as an object (`count/pods`) and takes nothing else.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from localcloud.kubernetes.objects import Object, dig, is_finished_pod
from localcloud.kubernetes.quantities import Amounts, add, parse, read
from localcloud.kubernetes.resources import CLAIMS, PODS, Resource

_COUNTED = ("configmaps", "persistentvolumeclaims", "resourcequotas", "secrets")
_COMPUTE = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
_PLAIN = ("cpu", "memory", "ephemeral-storage")  # `cpu` is another name of `requests.cpu`
_OF_CLASS = ".storageclass.storage.k8s.io/"


def of(resource: Resource, thing: Object) -> Amounts:
    """Give what an object takes, by the names that a ResourceQuota has for it."""
    taken: Amounts = {f"count/{resource.key}": Fraction(1)}
    if resource.key in _COUNTED:
        taken[resource.key] = Fraction(1)
    if resource is CLAIMS:
        taken |= _of_claim(thing)
    if resource is PODS and not is_finished_pod(thing):
        taken |= {"pods": Fraction(1), **_of_pod(thing["spec"])}
    return taken


def _of_claim(claim: Object) -> Amounts:
    asked = parse(dig(claim, "spec", "resources", "requests", "storage"))
    of_class = f"{dig(claim, 'spec', 'storageClassName')}{_OF_CLASS}"
    return {
        "requests.storage": asked,
        f"{of_class}requests.storage": asked,
        f"{of_class}persistentvolumeclaims": Fraction(1),
    }


def _of_pod(spec: Object) -> Amounts:
    asked, allowed = _total(spec, "requests"), _total(spec, "limits")
    plain = {name: amount for name, amount in asked.items() if name in _PLAIN}
    requests = {f"requests.{name}": amount for name, amount in asked.items()}
    return {**plain, **requests, **{f"limits.{name}": amount for name, amount in allowed.items() if name in _PLAIN}}


def _total(spec: Object, kind: str) -> Amounts:
    """The sum over containers; an init container runs before them, so only the largest counts."""
    total = add(_amounts(container, kind) for container in spec.get("containers") or [])
    for container in spec.get("initContainers") or []:
        for name, amount in _amounts(container, kind).items():
            total[name] = max(amount, total.get(name, Fraction(0)))
    return total


def _amounts(container: Object, kind: str) -> Amounts:
    return read((container.get("resources") or {}).get(kind))


def unsaid(spec: Object, names: Iterable[str]) -> dict[str, list[str]]:
    """Give the containers that leave out an amount which a quota counts, by its name: a quota of processors wants every pod to ask."""
    missing: dict[str, list[str]] = {}
    for name in sorted(set(names) & set(_COMPUTE)):
        kind, _, amount = name.rpartition(".")
        lacking = [c["name"] for c in _containers(spec) if amount not in _amounts(c, kind or "requests")]
        if lacking:
            missing[name] = sorted(lacking)
    return missing


def _containers(spec: Object) -> Iterator[Object]:
    yield from spec.get("containers") or []
    yield from spec.get("initContainers") or []


def may_take(resource: Resource, names: Iterable[str]) -> bool:
    """Tell whether objects of a kind can take anything that has one of these names."""
    own = {f"count/{resource.key}", resource.key if resource.key in _COUNTED else ""}
    return resource in (PODS, CLAIMS) or not own.isdisjoint(names)
