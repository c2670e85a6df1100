"""Rules in CEL that a schema has (`x-kubernetes-validations`): asked of a value, and of what it was before.

A rule that names `oldSelf` is about a change, and is asked only where there is an old value; an item of a list has one only in a list with keys.
Other rules are not asked again of what did not change.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from localcloud.kubernetes import structural
from localcloud.kubernetes.errors import Cause, required
from localcloud.kubernetes.expressions import ExpressionError, check, evaluate, names
from localcloud.kubernetes.objects import Object
from localcloud.kubernetes.validation import shown

RULES = "x-kubernetes-validations"
_ROOT = "<nil>"
_WORDS = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))
_RESERVED = {
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
    "package", "namespace", "return", "var", "void", "while",
}  # fmt: skip
_REASONS = {"FieldValueForbidden": "Forbidden", "FieldValueRequired": "Required value"}


def causes(schema: Object, new: Any, old: Any, path: str = "") -> Iterator[Cause]:
    """Give what the rules of a schema, and of everything in it, say against a value; `old` is None where there was none."""
    for rule in schema.get(RULES) or []:
        is_asked = old is not None if "oldSelf" in names(rule["rule"]) else old is None or old != new
        if is_asked:
            yield from _answer(rule, schema, (new, old), path)
    for inner, part, before, place in _inner(schema, new, old, path):
        yield from causes(inner, part, before, place)


def _answer(rule: Object, schema: Object, values: tuple[Any, Any], path: str) -> Iterator[Cause]:
    named = zip(("self", "oldSelf"), values, strict=True)
    variables = {name: as_cel(schema, value) for name, value in named if value is not None}
    try:
        if evaluate(rule["rule"], variables) is not True:
            yield _cause(rule, values[0], _message(rule, variables), path)
    except ExpressionError as error:
        kind = shown(schema.get("type") or "unknown")
        why = f"{error} evaluating rule: {rule.get('message') or rule['rule'].strip()}"
        yield Cause(path or _ROOT, f"Invalid value: {kind}: {why}")


def _cause(rule: Object, value: Any, message: str, path: str) -> Cause:
    """What a rule says against a value; since Kubernetes 1.35 a plain value is shown, and before it the type of any."""
    place = f"{path}{rule.get('fieldPath', '')}".removeprefix(".") or _ROOT
    reason = rule.get("reason", "FieldValueInvalid")
    if reason == "FieldValueDuplicate":
        return Cause(place, f"Duplicate value: {shown(value)}", reason)
    plain = "" if isinstance(value, dict | list) else f": {shown(value)}"
    return Cause(place, f"{_REASONS.get(reason, f'Invalid value{plain}')}: {message}", reason)


def _message(rule: Object, variables: Object) -> str:
    plain = str(rule.get("message") or f"failed rule: {rule['rule'].strip()}")
    if not rule.get("messageExpression"):
        return plain
    try:
        made = evaluate(rule["messageExpression"], variables)
    except ExpressionError:
        return plain
    return made.strip() if isinstance(made, str) and made.strip() and "\n" not in made else plain


def _inner(schema: Object, new: Any, old: Any, path: str) -> Iterator[tuple[Object, Any, Any, str]]:
    if isinstance(new, dict):
        properties, more = schema.get("properties") or {}, schema.get("additionalProperties")
        for key, part in new.items():
            inner = properties.get(key, more)
            if isinstance(inner, dict) and part is not None:
                yield inner, part, old.get(key) if isinstance(old, dict) else None, f"{path}.{key}" if path else key
    elif isinstance(new, list) and isinstance(schema.get("items"), dict):
        for index, item in enumerate(new):
            yield schema["items"], item, structural.counterpart(schema, item, old), f"{path}[{index}]"


def as_cel(schema: Object, value: Any) -> Any:
    """Give a value as an expression sees it: names of properties that are no identifiers escaped, numbers and times by their schema."""
    if isinstance(value, dict):
        properties, more = schema.get("properties") or {}, schema.get("additionalProperties")
        seen = {key: (properties.get(key, more), part) for key, part in value.items() if part is not None}
        return {
            _escaped(key) if key in properties else key: as_cel(inner if isinstance(inner, dict) else {}, part)
            for key, (inner, part) in seen.items()
        }
    if isinstance(value, list):
        return [as_cel(schema.get("items") or {}, item) for item in value]
    if schema.get("type") == "number":
        return float(value)
    return datetime.fromisoformat(value) if _is_time(schema, value) else value


def _is_time(schema: Object, value: Any) -> bool:
    return isinstance(value, str) and schema.get("format") == "date-time"


def _escaped(name: str) -> str:
    if name in _RESERVED:
        return f"__{name}__"
    for sign, word in _WORDS:
        name = name.replace(sign, word)
    return name


def rule_causes(schema: Object, path: str, *, correlated: bool) -> Iterator[Cause]:
    """Give what is wrong with the rules themselves; `correlated` says whether a value here has an old one."""
    for index, rule in enumerate(schema.get(RULES) or []):
        place = f"{path}.{RULES}[{index}]"
        yield from required(rule, ("rule",), place)
        for key in ("rule", "messageExpression"):
            if why := _unreadable(rule.get(key)):
                yield Cause(f"{place}.{key}", f"Invalid value: {shown(rule[key])}: compilation failed: {why}")
        if rule.get("optionalOldSelf"):
            why = "Forbidden: the local cluster does not support this field"
            yield Cause(f"{place}.optionalOldSelf", why, "FieldValueForbidden")
        if not correlated and "oldSelf" in str(rule.get("rule")):
            why = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {path}"
            yield Cause(f"{place}.rule", f"Invalid value: {shown(rule['rule'])}: {why}")


def _unreadable(text: str | None) -> str:
    if text is None:
        return ""
    try:
        check(text, ("self", "oldSelf"))
    except ExpressionError as error:
        return str(error)
    return ""
