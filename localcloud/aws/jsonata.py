"""JSONata for the state machine interpreter: jsonata-python plus the functions Step Functions adds.

Sequences of one element differ from the JavaScript reference in `$distinct` only; integers beyond 15 digits lose digits in `$string`.
"""

import copy
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from jsonata import Jsonata
from jsonata.utils import Utils

_DECLARED = re.compile(r"\$(\w+):=")
_DECODER = json.JSONDecoder(
    parse_float=lambda text: Utils.convert_number(float(text)),
    parse_int=lambda text: Utils.convert_number(float(text)),  # numbers are doubles there
    parse_constant=lambda _: None,
)


def evaluate(expression: str) -> Any:
    """The JSON value of an expression without input document; raises what jsonata-python raises.

    The library parses slowly, and the interpreter writes every variable with its value before every expression. So declarations are read as
    JSON and bound, and the rest, which is the same for every execution, is parsed once.
    """
    body, bindings = _undeclare(expression)
    program = copy.copy(_parsed(body))
    Jsonata.CURRENT.jsonata = program  # where the library looks for the evaluation that this thread is in
    return json.loads(json.dumps(program.evaluate(None, bindings)))


def declare(bindings: dict[str, Any]) -> str:
    """Assignments that bring variables (`$name` -> value) into an expression."""
    return "".join(f"{name}:={json.dumps(value, default=str)};" for name, value in bindings.items())


def _undeclare(expression: str) -> tuple[str, dict[str, Any]]:
    """Take the assignments of JSON values from the beginning of a block; return the rest of it, and the values by name."""
    bindings: dict[str, Any] = {}
    at = 1  # behind the parenthesis
    while declared := _DECLARED.match(expression, at):
        try:
            value, end = _DECODER.raw_decode(expression, declared.end())
        except json.JSONDecodeError:
            break
        if expression[end : end + 1] != ";":
            break
        bindings[declared[1]] = _bound(value)
        at = end + 1
    return expression[0] + expression[at:], bindings


def _bound(value: Any) -> Any:
    """The value as the library holds it: its null is not Python's, which stands for nothing at all."""
    if isinstance(value, dict):
        return {key: _bound(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_bound(item) for item in value]
    return Utils.NULL_VALUE if value is None else value


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> Jsonata:
    program = Jsonata(expression)
    for name, function in _FUNCTIONS.items():
        program.register_lambda(name, function)
    return program


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
