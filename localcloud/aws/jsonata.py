"""JSONata for the state machine interpreter: jsonata-python plus the functions Step Functions adds.

Sequences of one element differ from the JavaScript reference in `$distinct` only; integers beyond 15 digits lose digits in `$string`.
"""

import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

from jsonata import Jsonata


def evaluate(expression: str) -> Any:
    """The JSON value of an expression without input document; raises what jsonata-python raises."""
    program = Jsonata(expression)
    for name, function in _FUNCTIONS.items():
        program.register_lambda(name, function)
    return json.loads(json.dumps(program.evaluate(None)))


def declare(bindings: dict[str, Any]) -> str:
    """Assignments that bring variables (`$name` -> value) into an expression."""
    return "".join(f"{name}:={json.dumps(value, default=str)};" for name, value in bindings.items())


def _hash(value: Any, algorithm: str = "SHA-1") -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return hashlib.new(algorithm.replace("-", "").lower(), text.encode()).hexdigest()


def _range(first: float, last: float, step: float) -> list[int]:
    return list(range(int(first), int(last) + (1 if step > 0 else -1), int(step)))


def _partition(items: list[Any], size: float) -> list[list[Any]]:
    return [items[start : start + int(size)] for start in range(0, len(items), int(size))]


def _uuid() -> str:
    return str(uuid.uuid4())


def _parse(text: str) -> Any:
    return json.loads(text)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "hash": _hash,
    "parse": _parse,
    "partition": _partition,
    "range": _range,
    "uuid": _uuid,
}
