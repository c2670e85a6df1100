"""Rows of a dataset, read as a stream: typed decoding in whole blocks, line by line only where a block fails.

Blocks of 64 KiB are the fastest (docs/decisions/0006); a block that decodes needs no look at its lines. `feed` may be given blocks of any size.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from dropforge.domain.blocks import CorruptStreamError
from dropforge.domain.reports import Fault, Report, ReportBuilder

BLOCK = 64 * 1024
MAX_LINE = 16 * 1024 * 1024


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatRow(msgspec.Struct, forbid_unknown_fields=True):
    """A row of kind sft as a chat."""

    messages: list[Message]


class PromptRow(msgspec.Struct, forbid_unknown_fields=True):
    """A row of kind sft as prompt and completion."""

    prompt: str
    completion: str
    system: str = ""


Row = ChatRow | PromptRow
_DECODERS: dict[str, msgspec.json.Decoder[ChatRow] | msgspec.json.Decoder[PromptRow]] = {
    "messages": msgspec.json.Decoder(ChatRow),
    "prompt": msgspec.json.Decoder(PromptRow),
}
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def check(blocks: Iterable[bytes], name: str) -> Report:
    """Read JSON Lines from `blocks` of bytes and report on every row. Memory stays bounded by the longest line (16 MiB)."""
    report = ReportBuilder(name)
    shape: str | None = None
    try:
        for lines in _whole_lines(_small(blocks), report):
            shape = _check_block(lines, shape, report)
    except CorruptStreamError as error:
        report.fault("BrokenFile", str(error), "Write the file again and check it with `gzip -t`.")
    return report.build("sft")


def _small(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut blocks to 64 KiB: no block hides a line that is too long, whatever size the caller reads in."""
    for block in blocks:
        for start in range(0, len(block), BLOCK):
            yield block[start : start + BLOCK]


def _whole_lines(blocks: Iterable[bytes], report: ReportBuilder) -> Iterator[bytes]:
    """Yield bytes that end at a line end, so that a block never cuts a row in two."""
    rest: list[bytes] = []
    held = 0
    for block in blocks:
        if held + len(block.partition(b"\n")[0]) > MAX_LINE:
            report.next_line()
            report.fault("LineTooLong", f"The line is longer than {MAX_LINE:,} bytes.", "Split or drop the row.")
            return
        head, newline, tail = block.rpartition(b"\n")
        if newline:
            yield b"".join((*rest, head))
            rest, held = [], 0
        rest.append(tail)
        held += len(tail)
    if any(rest):
        yield b"".join(rest)


def _shape_of(lines: bytes) -> str | None:
    first = next((line for line in lines.split(b"\n") if line.strip()), None)
    if first is None:
        return None
    try:
        keys = _ANY.decode(first)
    except _BROKEN:
        return None
    return _shape(keys)


def _shape(keys: Mapping[str, object]) -> str | None:
    return "messages" if "messages" in keys else "prompt" if "prompt" in keys else None


def _check_block(lines: bytes, shape: str | None, report: ReportBuilder) -> str | None:
    """Check lines and return the dataset's shape, which is that of the first row that has one."""
    shape = shape or _shape_of(lines)
    rows = _decode_all(lines, shape)
    if rows is not None and all(_sense(row) is None for row in rows):
        report.accept(len(rows), lines)
        return shape
    for line in lines.split(b"\n"):
        shape = shape or _shape_of(line)
        _check_line(line, shape, report)
    return shape


def _decode_all(lines: bytes, shape: str | None) -> list[ChatRow] | list[PromptRow] | None:
    """Decode one row per line, or return None where a look at each line must say what is wrong.

    The decoder takes any white space between rows. JSON text holds no raw line end, so `}` before and `{` after each one mean that it parts two rows.
    """
    ends = lines.count(b"\n")
    if shape is None or lines.count(b"}\n{") + lines.count(b"}\r\n{") != ends:
        return None
    try:
        rows = _DECODERS[shape].decode_lines(lines)
    except _BROKEN:
        return None
    return rows if len(rows) == ends + 1 else None


def _check_line(line: bytes, shape: str | None, report: ReportBuilder) -> None:
    report.next_line()
    if not line.strip():
        report.fault("BlankLine", "The line is blank.", "Remove it.")
        return
    found = _fault_of(line, shape)
    if isinstance(found, Fault):
        report.add(found)
    else:
        report.accept_line()


def _fault_of(line: bytes, shape: str | None) -> Fault | Row:
    text = _text_fault(line)
    if text is not None:
        return text
    try:
        keys = _ANY.decode(line)
    except _BROKEN as error:
        return _broken(error)
    own = _shape(keys)
    if own is None:
        why = f"The row has the keys {', '.join(sorted(keys)) or '(none)'}."
        return Fault.of("UnknownShape", why, "Give each row `messages`, or `prompt` and `completion`.")
    if shape is not None and own != shape:
        why = f"The row has `{own}`, the rows before it have `{shape}`."
        return Fault.of("MixedShapes", why, "Use one shape for the whole dataset.")
    return _typed(line, own)


def _typed(line: bytes, shape: str) -> Fault | Row:
    try:
        row: Row = _DECODERS[shape].decode(line)
    except msgspec.ValidationError as error:
        return Fault.of(_code_of(str(error)), f"{error}.", "Give the field the type and value that the message names.")
    except _BROKEN as error:
        return _broken(error)
    return _sense(row) or row


def _broken(error: Exception) -> Fault:
    return Fault.of("BrokenJson", f"Not one JSON object: {error}.", "Write one complete JSON object per line.")


def _code_of(message: str) -> str:
    if "unknown field" in message:
        return "UnknownField"
    return "WrongRole" if ".role`" in message else "WrongField"


def _text_fault(line: bytes) -> Fault | None:
    if line.startswith(b"\xef\xbb\xbf"):
        return Fault.of(
            "ByteOrderMark", "The line starts with a byte order mark.", "Save the file as UTF-8 without BOM."
        )
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        why = f"Byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8."
        return Fault.of("NotUtf8", why, "Save the file as UTF-8.", column=error.start + 1)
    return None


def _sense(row: Row) -> Fault | None:
    """What the types cannot say: order of roles, the last turn, emptiness."""
    if isinstance(row, PromptRow):
        empty = next((name for name in ("prompt", "completion") if not getattr(row, name).strip()), None)
        return _empty(empty) if empty else None
    if not row.messages:
        return Fault.of("NoMessages", "`messages` is an empty list.", "Give at least a user and an assistant message.")
    if row.messages[-1].role != "assistant":
        why = f"The last message is of role `{row.messages[-1].role}`."
        return Fault.of(
            "LastTurnNotAssistant", why, "End every row with the assistant's answer: that is what is learnt."
        )
    late = next((n for n, m in enumerate(row.messages) if m.role == "system" and n > 0), None)
    if late is not None:
        return Fault.of("WrongRole", f"Message {late + 1} is of role `system`.", "Put the system message first.")
    blank = next((n for n, m in enumerate(row.messages) if not m.content.strip()), None)
    return _empty(f"messages[{blank}].content") if blank is not None else None


def _empty(name: str) -> Fault:
    return Fault.of("EmptyText", f"`{name}` is empty.", "Fill it or drop the row.")
