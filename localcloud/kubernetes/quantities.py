"""Kubernetes quantities ("500m", "8Gi") as exact fractions.

Fractions, not floats: a queue compares sums of millicores for equality.
"""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

from localcloud.kubernetes.objects import Object

Amounts = dict[str, Fraction]
_SHAPE = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def parse(text: object) -> Fraction:
    """Read a quantity; ValueError in the API's own words when it is none."""
    found = _SHAPE.match(str(text)) if isinstance(text, str | int | float) and not isinstance(text, bool) else None
    if not found:
        message = (
            f"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$': {text!r}"
        )
        raise ValueError(message)
    return Fraction(found[1]) * _factor(found[2] or "")


def _factor(suffix: str) -> Fraction:
    if suffix in _BINARY:
        return Fraction(2 ** _BINARY[suffix])
    if suffix in _DECIMAL:
        return Fraction(10) ** _DECIMAL[suffix]
    return Fraction(10) ** int(suffix[1:] or 0)


def write(amount: Fraction) -> str:
    """Write a quantity: whole numbers plain, fractions in thousandths rounded up."""
    if amount.denominator == 1:
        return str(amount.numerator)
    return f"{-(-amount.numerator * 1000 // amount.denominator)}m"


def canonical(amount: Fraction, *, binary: bool) -> str:
    """Write a quantity as the API does: the largest unit in which it is whole, of 1024 or of 1000."""
    for suffix, power in reversed(_BINARY.items()) if binary else ():
        if amount and amount % 2**power == 0:
            return f"{amount // 2**power}{suffix}"
    for suffix in () if binary else ("E", "P", "T", "G", "M", "k"):
        if amount and amount % 10 ** _DECIMAL[suffix] == 0:
            return f"{amount // 10 ** _DECIMAL[suffix]}{suffix}"
    return write(amount)


def read(amounts: Mapping[str, str] | None) -> Amounts:
    """Read every quantity of a resource list."""
    return {name: parse(text) for name, text in (amounts or {}).items()}


def add(parts: Iterable[Amounts]) -> Amounts:
    """Sum amounts resource by resource."""
    total: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, Fraction(0)) + amount
    return total


def requests(pod_spec: Object) -> Amounts:
    """Give what a pod asks for: the sum over its containers, a limit standing in for a missing request."""
    return add(_container_requests(container) for container in pod_spec.get("containers") or [])


def _container_requests(container: Object) -> Amounts:
    resources = container.get("resources") or {}
    return {**read(resources.get("limits")), **read(resources.get("requests"))}
