"""The functions that Kubernetes adds to CEL, as far as they are here: of lists, texts, patterns, URLs and quantities.

A quantity is a plain number here, so its methods are arithmetic.
"""

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from localcloud.kubernetes.quantities import parse


def _index(value: Any, part: Any, start: int = 0) -> int:
    if isinstance(value, str):
        return value.find(part, start)
    return value.index(part) if part in value else -1


def _last_index(value: Any, part: Any) -> int:
    if isinstance(value, str):
        return value.rfind(part)
    return len(value) - 1 - value[::-1].index(part) if part in value else -1


def _is_sorted(values: list[Any]) -> bool:
    return all(first <= second for first, second in itertools.pairwise(values))


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[0] if found else ""


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [one[0] for one in re.finditer(pattern, text)]
    return found if limit < 0 else found[:limit]


def _split(text: str, separator: str, limit: int = -1) -> list[str]:
    parts = list(text) if not separator else text.split(separator, limit - 1 if limit > 0 else -1)
    return [] if limit == 0 else parts


def _substring(text: str, start: int, end: int | None = None) -> str:
    return text[start:end]


def _is_url(text: str) -> bool:
    try:
        found = urlsplit(text)
    except ValueError:
        return False
    return bool(found.scheme) or text.startswith("/")


def _quantity(text: Any) -> int | float:
    amount = parse(text)
    return amount.numerator if amount.denominator == 1 else float(amount)


def _is_quantity(text: Any) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "charAt": lambda text, index: text[index : index + 1],
    "compareTo": lambda one, other: (one > other) - (one < other),
    "find": _find,
    "findAll": _find_all,
    "indexOf": _index,
    "isGreaterThan": lambda one, other: one > other,
    "isLessThan": lambda one, other: one < other,
    "isQuantity": _is_quantity,
    "isSorted": _is_sorted,
    "isURL": _is_url,
    "join": lambda texts, separator="": separator.join(texts),
    "lastIndexOf": _last_index,
    "lowerAscii": lambda text: text.lower(),
    "max": max,
    "min": min,
    "quantity": _quantity,
    "replace": lambda text, old, new, limit=-1: text.replace(old, new, limit),
    "split": _split,
    "substring": _substring,
    "sum": sum,
    "trim": lambda text: text.strip(),
    "upperAscii": lambda text: text.upper(),
}
