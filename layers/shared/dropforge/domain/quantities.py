"""Kubernetes quantities (`500m`, `8Gi`) as exact fractions: a queue compares sums of them for equality.

Source: Kubernetes, k8s.io/apimachinery, pkg/api/resource, "quantity.go" (suffixes n, u, m, k to E, Ki to Ei, and exponents).
"""

import re
from collections.abc import Mapping
from fractions import Fraction

Amounts = dict[str, Fraction]  # by resource
_SHAPE = re.compile(
    r"^(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?:[eE](?P<exponent>[+-]?\d+)|(?P<suffix>[numkMGTPE]|[KMGTPE]i)?)$"
)
_UNITS = {
    **{
        suffix: Fraction(1000) ** power
        for suffix, power in zip("numkMGTPE", (-3, -2, -1, 1, 2, 3, 4, 5, 6), strict=True)
    },
    **{f"{suffix}i": Fraction(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}


def parse(text: object) -> Fraction:
    """Return a quantity as a number. Raises ValueError for what is none."""
    found = _SHAPE.match(str(text))
    if found is None:
        raise ValueError(f"`{text}` is not a quantity")
    if found["exponent"]:
        return Fraction(found["number"]) * Fraction(10) ** int(found["exponent"])
    return Fraction(found["number"]) * _UNITS.get(found["suffix"] or "", Fraction(1))


def amounts(quantities: Mapping[str, object]) -> Amounts:
    """Return the quantities of a resource list as numbers."""
    return {name: parse(text) for name, text in quantities.items()}


def write(amount: Fraction) -> str:
    """Return a quantity for people: whole thousands of 1024 for what is that large, thousandths (rounded up) for what is no whole number."""
    if amount.denominator != 1:
        return f"{-(-amount.numerator * 1000 // amount.denominator)}m"
    for suffix in ("Pi", "Ti", "Gi", "Mi", "Ki"):
        if amount and amount % _UNITS[suffix] == 0:
            return f"{amount // _UNITS[suffix]}{suffix}"
    return str(amount.numerator)
