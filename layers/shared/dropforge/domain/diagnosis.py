"""Why a line could not be read: slow and thorough, for bad lines only. The fast decoder says that something is wrong, not always what."""

import json
import re
from collections.abc import Mapping

import msgspec

from dropforge.domain.reports import Fault
from dropforge.domain.shapes import BROKEN, DECODERS, KINDS, OBJECT, TOOLS, is_tool_row, names_tools, shape_of

_BOM = b"\xef\xbb\xbf"
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f]|\t(?=[^\"]*\")")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_BYTE = re.compile(r" \(byte (\d+)\)")


class _NotANumberError(ValueError):
    """The line holds NaN or an infinity."""


def diagnose(line: bytes, shape: str | None, cut: bool = False) -> Fault:
    """Return why `line` is no row of `shape`. `cut`: it is the file's last and nothing ends it."""
    fault = _text_fault(line)
    if fault is not None:
        return fault
    try:
        msgspec.json.decode(line)  # all of it: a field that nobody reads may be broken too
        keys = OBJECT.decode(line)
    except msgspec.ValidationError as error:
        return Fault.of("NotAnObject", f"{error}.")
    except BROKEN as error:
        return _broken(line, error, cut)
    return _mixed(keys, shape) or _typed(line, shape_of(keys) or "")


def _text_fault(line: bytes) -> Fault | None:
    if line.startswith(_BOM):
        return Fault.of("ByteOrderMark", column=1)
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        why = f"Byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8."
        return Fault.of("NotUtf8", why, column=error.start + 1)
    return None


def _broken(line: bytes, error: Exception, cut: bool) -> Fault:
    """Ask the standard library, which takes NaN and half surrogates and so tells them from broken JSON."""
    try:
        json.loads(line, parse_constant=_refuse, parse_int=str, parse_float=str)
    except _NotANumberError as found:
        return Fault.of("NotANumber", f"The row holds {found}, which is not JSON.")
    except RecursionError:
        return Fault.of("NestedTooDeep")
    except ValueError:
        return _not_json(line, str(error), cut)
    half = _SURROGATE.search(line)
    if half is not None:
        return Fault.of("LoneSurrogate", column=half.start() + 1)
    return _nested(error) or _not_json(line, str(error), cut)


def _refuse(constant: str) -> None:
    raise _NotANumberError(constant)


def _nested(error: Exception) -> Fault | None:
    return Fault.of("NestedTooDeep") if isinstance(error, RecursionError) else None


def _not_json(line: bytes, error: str, cut: bool) -> Fault:
    control = _CONTROL.search(line.rstrip(b"\r"))
    if control is not None and "truncated" not in error:
        at = control.start()
        return Fault.of("ControlCharacter", f"Byte {at + 1} is the control character 0x{line[at]:02x}.", column=at + 1)
    if cut and "truncated" in error:
        return Fault.of("CutOffRow")
    found = _BYTE.search(error)
    why = f"Not one JSON object: {_BYTE.sub('', error)}."
    return Fault.of("BrokenJson", why, column=int(found[1]) + 1 if found else None)


def _mixed(keys: Mapping[str, msgspec.Raw], shape: str | None) -> Fault | None:
    own = shape_of(keys)
    if own is None:
        return Fault.of("UnknownShape", f"The row has the keys {', '.join(sorted(keys)) or '(none)'}.")
    if shape is None or own == shape:
        return None
    if KINDS[own] != KINDS[shape]:
        return Fault.of(
            "MixedKinds", f"The row is {KINDS[own]} (`{own}`), the rows before it are {KINDS[shape]} (`{shape}`)."
        )
    return Fault.of("MixedShapes", f"The row is `{own}`, the rows before it are `{shape}`.")


def _typed(line: bytes, shape: str) -> Fault:
    """Let the decoder of the shape say what is wrong; a row of tools is judged by the types of tools."""
    try:
        if shape == "messages" and names_tools(line) and is_tool_row(TOOLS.decode(line)):
            return Fault.of("NestedTooDeep")  # it decodes from here, with fewer calls on the stack
        DECODERS[shape].decode(line)
    except msgspec.ValidationError as error:
        return Fault.of(_code_of(str(error)), f"{error}.")
    except BROKEN as error:
        return _broken(line, error, False)
    return Fault.of("NestedTooDeep")


def _code_of(message: str) -> str:
    if "unknown field" in message:
        return "UnknownField"
    if "missing required field" in message:
        return "MissingField"
    return "WrongRole" if ".role`" in message else "WrongField"
