"""Rows of a dataset, read as a stream: typed decoding in whole blocks, line by line only where a block fails.

Blocks of 64 KiB are the fastest (docs/decisions/0006); a block that decodes needs no look at its lines. Blocks may come in any size.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from dropforge.domain import keys
from dropforge.domain.blocks import CorruptStreamError
from dropforge.domain.checks import CHECKS, MAX_LINE
from dropforge.domain.diagnosis import diagnose
from dropforge.domain.duplicates import Duplicates
from dropforge.domain.formats import foreign, opening
from dropforge.domain.lines import BLOCK, Piece, pieces
from dropforge.domain.reports import Fault, Report, ReportBuilder, Role, with_findings
from dropforge.domain.shapes import (
    BROKEN,
    DECODERS,
    KINDS,
    TOOLS,
    Row,
    Rows,
    ToolRow,
    first_shape,
    is_tool_row,
    key_count,
    names_tools,
)
from dropforge.domain.turns import judge
from dropforge.domain.weights import weigh, weight

__all__ = ["BLOCK", "MAX_LINE", "check", "check_again"]
_CLOSE = ord("}")
_Take = Callable[[Sequence[Row], int], None]  # good rows of consecutive lines, and the line of the first


def check(
    blocks: Iterable[bytes], name: str, role: Role = "train", seen: Duplicates | None = None, *, start: bool = True
) -> Report:
    """Read JSON Lines from `blocks` of bytes and report on every row. Memory stays bounded by the longest line (16 MiB).

    `seen` learns the rows of all files of a dataset; when it needs a second pass, `check_again` completes each report.
    `start` is False for a later byte range of a file, whose first bytes say nothing about its format.
    """
    report = ReportBuilder(name, role)
    reader = _Reader(report, lambda rows, _: seen.add(role, _hashes(rows)) if seen is not None else None)
    try:
        head, blocks = opening(blocks)
        fault = foreign(head) if start else None
        if fault is not None:
            report.add(fault)
            return report.build()
        for piece in pieces(blocks):
            reader.read(piece)
    except CorruptStreamError as error:
        report.add(Fault.of(error.code, str(error)))
    return report.build()


def check_again(blocks: Iterable[bytes], report: Report, seen: Duplicates) -> Report:
    """Read the same file again and return its report with the duplicates and the leakage that `seen` suspected in all files' first pass."""
    found = ReportBuilder(report.file, report.role)
    reader = _Reader(ReportBuilder(report.file, report.role), lambda rows, line: _compare(rows, line, found, seen))
    if not seen.complete:
        found.add(Fault.of("NotAllCompared"))
    for piece in pieces(blocks):
        reader.read(piece)
    return with_findings(report, found)


def _compare(rows: Sequence[Row], line: int, found: ReportBuilder, seen: Duplicates) -> None:
    hashes = _hashes(rows)
    if not seen.suspicious(hashes):
        return
    for found.line, (row, key) in enumerate(zip(rows, hashes, strict=True), line):
        if seen.suspicious([key]):
            for fault in seen.compare(key, _content(row), (found.role, found.file, found.line)):
                found.add(fault)


def _hashes(rows: Sequence[Row]) -> list[int]:
    """Hash rows of one shape by content. Rows of tools hold raw JSON, which has no hash of its own."""
    return list(map(hash, map(_content, rows) if isinstance(rows[0], ToolRow) else rows))


def _content(row: Row) -> bytes:
    """Return the row in one spelling: keys in the order of the type, no white space, no needless escapes."""
    return msgspec.json.encode(row)


class _Reader:
    """Reads pieces into a report and hands good rows on."""

    def __init__(self, report: ReportBuilder, take: _Take) -> None:
        self._report = report
        self._take = take

    def read(self, piece: Piece) -> None:
        if piece.long:
            self._report.line += 1
            self._report.add(Fault.of("LineTooLong"))
        elif not self._read_block(piece.lines):
            *lines, last = piece.lines.split(b"\n")
            for line in lines:
                self._read_line(line, False)
            self._read_line(last, piece.open)

    def _read_block(self, lines: bytes) -> bool:
        """Read a block in which every line is a plain good row; return whether it was one."""
        self._learn_shape(lines)
        rows = _decode_all(lines, self._report.shape)
        weighed = weigh(rows) if rows else None
        if not rows or weighed is None or keys.count(lines) != weighed[1]:
            return False
        self._take(rows, self._report.line + 1)
        self._report.accept(weighed[0])
        return True

    def _learn_shape(self, lines: bytes) -> None:
        """The dataset's shape is that of its first row that has one."""
        if not self._report.shape:
            self._report.shape = first_shape(lines) or ""
            self._report.kind = KINDS.get(self._report.shape, "")

    def _read_line(self, line: bytes, last: bool) -> None:
        self._report.line += 1
        if not line.strip():
            self._report.add(Fault.of("BlankLine"))
            return
        self._learn_shape(line)
        row = _row(line, self._report.shape)
        found = _judge(row, line) if row is not None else [diagnose(line, self._report.shape or None, last)]
        for fault in found:
            self._report.add(fault)
        if row is not None and all(CHECKS[fault.code].level == "warning" for fault in found):
            self._take([row], self._report.line)
            self._report.accept_line(weight(row), isinstance(row, ToolRow))


def _decode_all(lines: bytes, shape: str) -> Rows | None:
    """Decode one row per line, or return None where a look at each line must say what is wrong.

    The decoder takes any white space between rows. JSON text holds no raw line end, so `}` before and `{` after each one mean that it parts two rows.
    """
    ends, at = 0, lines.find(b"\n")
    while at >= 0:
        if lines[at - 1] != _CLOSE and lines[at - 2 : at] != b"}\r":
            return None
        if lines[at + 1 : at + 2] != b"{":
            return None
        ends, at = ends + 1, lines.find(b"\n", at + 1)
    try:
        rows: Rows = DECODERS[shape].decode_lines(lines)
    except (*BROKEN, KeyError):
        return None
    return rows if len(rows) == ends + 1 else None


def _row(line: bytes, shape: str) -> Row | None:
    """Decode one line as a row of `shape`, or return None."""
    try:
        row: Row = DECODERS[shape].decode(line)
    except (*BROKEN, KeyError):
        return _tool_row(line) if shape == "messages" and names_tools(line) else None
    return row


def _tool_row(line: bytes) -> ToolRow | None:
    try:
        row = TOOLS.decode(line)
        msgspec.json.decode(line)  # the decoder of tools does not look into a function's parameters
    except BROKEN:
        return None
    return row if is_tool_row(row) else None


def _judge(row: Row, line: bytes) -> list[Fault]:
    if isinstance(row, ToolRow) or keys.count(line) != key_count(row):
        try:
            key = keys.twice(line)
        except RecursionError:
            return [Fault.of("NestedTooDeep")]
        if key is not None:
            return [Fault.of("DuplicateKey", f"An object of the row has the key `{key}` twice.")]
    return judge(row)
