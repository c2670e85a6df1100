"""Expressions in CEL: compiled once, asked often, with errors in the words of cel-go.

An expression that names a function which is not here is refused when it is compiled: a rule that always failed would promise a check that
never comes.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import cel

from localcloud.kubernetes.expression_functions import FUNCTIONS

_NAME = re.compile(r"^[A-Za-z]\w*$")
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*(\w+)\s*,")
_TYPES = ("bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "type", "uint")
_STANDARD = {
    "bool", "bytes", "contains", "double", "duration", "dyn", "endsWith", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear",
    "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds", "int", "matches", "size", "startsWith",
    "string", "timestamp", "type", "uint",
}  # fmt: skip


class ExpressionError(Exception):
    """An expression that cannot be read, or has no value for these variables."""


@cache
def names(text: str) -> frozenset[str]:
    """Give the variables of an expression; ExpressionError when it cannot be read or asks for a function that is not here."""
    program = _compiled(text)
    unknown = {name for name in program.functions() if _NAME.match(name)} - _STANDARD - FUNCTIONS.keys()
    if unknown:
        raise ExpressionError(f"the local cluster does not have the function {', '.join(sorted(unknown))}")
    return frozenset(program.variables()) - set(_BOUND.findall(text)) - set(_TYPES)


def check(text: str, variables: tuple[str, ...]) -> None:
    """Raise ExpressionError for an expression that cannot be asked with these variables."""
    for name in sorted(names(text) - set(variables)):
        raise ExpressionError(f"undeclared reference to '{name}' (in container '')")


@cache
def _compiled(text: str) -> Any:
    try:
        return cel.compile(text)
    except ValueError as error:
        raise ExpressionError(str(error).partition(": ")[2]) from error


def evaluate(text: str, variables: Mapping[str, Any]) -> Any:
    """Give the value of an expression; ExpressionError when it has none."""
    try:
        return _compiled(text).execute(cel.Context(variables=dict(variables), functions=dict(FUNCTIONS)))
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise ExpressionError(_words(error)) from error


def _words(error: Exception) -> str:
    said: dict[type[Exception], Callable[[], str]] = {
        KeyError: lambda: f"no such key: {error.args[0]}",
        TypeError: lambda: "no such overload",
        ZeroDivisionError: lambda: "division by zero",
    }
    return said.get(type(error), lambda: str(error).partition(". Check")[0])()
