"""Whether a model called the functions that it should have called, and if not, what was wrong: each answer falls into one bucket.

Models write calls in several ways. Read are JSON objects and lists of them with `name` and `arguments` (or `parameters`, as Llama 3
writes it), bare, behind `<|python_tag|>`, and inside `<tool_call>` (Hermes, Qwen).
"""

import json
import re
from collections.abc import Sequence

from .cases import Call, Object

RIGHT = "right"
BUCKETS = (
    RIGHT,
    "no-call",
    "not-json",
    "wrong-number-of-calls",
    "unknown-function",
    "wrong-function",
    "missing-argument",
    "unknown-argument",
    "unasked-argument",
    "wrong-value",
)
_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|$)", re.DOTALL)
_PYTHON_TAG = "<|python_tag|>"
_LOOKS_LIKE_A_CALL = re.compile(r"^\s*[\[{]")


class NotJsonError(ValueError):
    """What looks like a call cannot be read as one."""


def judge(text: str, wanted: Sequence[Call], tools: Sequence[Object]) -> str:
    """Return the bucket of an answer to which the `wanted` calls would be right; `tools` are the declared functions."""
    try:
        made = read_calls(text)
    except NotJsonError:
        return "not-json"
    if not made:
        return "no-call"
    if len(made) != len(wanted):
        return "wrong-number-of-calls"
    declared = _declared(tools)
    faults = [_fault(one, other, declared) for one, other in zip(_ordered(made), _ordered(wanted), strict=True)]
    return next((bucket for bucket in BUCKETS if bucket in faults and bucket != RIGHT), RIGHT)


def read_calls(text: str) -> list[Call]:
    """Return the calls in an answer, none when it only talks. Raises NotJsonError for one that is broken."""
    pieces = _TAGGED.findall(text)
    if not pieces and _PYTHON_TAG in text:
        pieces = [text.partition(_PYTHON_TAG)[2]]
    if not pieces and _LOOKS_LIKE_A_CALL.match(text):
        pieces = [text]
    return [call for piece in pieces for call in _read(piece)]


def _read(piece: str) -> list[Call]:
    try:
        found = json.loads(piece.strip())
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error
    return [_call(one) for one in (found if isinstance(found, list) else [found])]


def _call(found: object) -> Call:
    match found:
        case {"function": {"name": str(name), **rest}} | {"name": str(name), **rest}:
            arguments = rest.get("arguments", rest.get("parameters", {}))
            if isinstance(arguments, str):
                arguments = _object(arguments)
            if isinstance(arguments, dict):
                return Call(name, arguments)
    raise NotJsonError("no name, or arguments that are no object")


def _object(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error


def _declared(tools: Sequence[Object]) -> dict[str, set[str]]:
    """Return the parameters of each declared function."""
    found: dict[str, set[str]] = {}
    for tool in tools:
        match tool:
            case {"function": {"name": str(name), **rest}} | {"name": str(name), **rest}:
                parameters = rest.get("parameters")
                properties = parameters.get("properties") if isinstance(parameters, dict) else None
                found[name] = set(properties) if isinstance(properties, dict) else set()
    return found


def _ordered(calls: Sequence[Call]) -> list[Call]:
    """Calls that are made together have no order."""
    return sorted(calls, key=lambda call: (call.name, json.dumps(call.arguments, sort_keys=True)))


def _fault(made: Call, wanted: Call, declared: dict[str, set[str]]) -> str:
    if made.name not in declared:
        return "unknown-function"
    if made.name != wanted.name:
        return "wrong-function"
    if wanted.arguments.keys() - made.arguments.keys():
        return "missing-argument"
    if more := made.arguments.keys() - wanted.arguments.keys():
        return "unasked-argument" if more <= declared[made.name] else "unknown-argument"
    return RIGHT if _same(made.arguments, wanted.arguments) else "wrong-value"


def _same(one: object, other: object) -> bool:
    """Whether two values are the same JSON: 1 and 1.0 are, true and 1 are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
